import Tracing

/// Creates W3C trace and span ids, propagates them between processes, and passes finished spans to an
/// exporter.
///
/// A trace that started elsewhere keeps its sampling decision. A trace that starts here is sampled with the
/// probability `sampleRatio`, by its id. An unsampled span shares the context of its parent: no allocation,
/// no clock reading.
package struct MartletTracer: Tracer {
    package typealias Span = TraceSpan

    private let ids: TraceIDGenerator
    /// Traces whose low 63 bits are below this are sampled.
    private let threshold: UInt64
    private let exporter: any SpanExporter

    /// - Parameter sampleRatio: 0 to 1.
    package init(sampleRatio: Double, exporter: any SpanExporter = NoOpSpanExporter(), ids: TraceIDGenerator = TraceIDGenerator())
    {
        let ratio = min(1, max(0, sampleRatio))
        threshold = ratio == 1 ? .max : UInt64(ratio * Double(UInt64(1) << 63))
        self.exporter = exporter
        self.ids = ids
    }

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> InstrumentationContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant,
        function: String, file fileID: String, line: UInt
    ) -> TraceSpan {
        var context = context()
        let parent = context.trace
        if let parent, !parent.isSampled { return TraceSpan(context: context, recording: nil) }
        let trace =
            parent.map { TraceContext(traceID: $0.traceID, spanID: ids.span(), isSampled: true, state: $0.state) } ?? root()
        context.trace = trace
        if !trace.isSampled { return TraceSpan(context: context, recording: nil) }
        let recording = SpanRecording(
            name: operationName, kind: kind, trace: trace, parent: parent?.spanID, start: instant().nanosecondsSinceEpoch,
            exporter: exporter)
        return TraceSpan(context: context, recording: recording)
    }

    package func forceFlush() {}

    private func root() -> TraceContext {
        let traceID = ids.trace()
        return TraceContext(traceID: traceID, spanID: ids.span(), isSampled: traceID.low & (.max >> 1) < threshold)
    }

    // MARK: Propagation

    package static let requestIDField = "x-request-id"

    /// Reads `traceparent`, `tracestate` and `x-request-id`. For peers that may decide on sampling.
    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    )
    where Extract.Carrier == Carrier {
        if let parent = extractor.extract(key: "traceparent", from: carrier) {
            context.trace = TraceContext(traceparent: parent, tracestate: extractor.extract(key: "tracestate", from: carrier))
        }
        if let request = extractor.extract(key: Self.requestIDField, from: carrier), request.utf8.count <= 200 {
            context.requestID = request
        }
    }

    package func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
    )
    where Inject.Carrier == Carrier {
        if let trace = context.trace {
            injector.inject(trace.traceparent, forKey: "traceparent", into: &carrier)
            if let state = trace.state { injector.inject(state, forKey: "tracestate", into: &carrier) }
        }
        if let request = context.requestID { injector.inject(request, forKey: Self.requestIDField, into: &carrier) }
    }
}
