import Tracing

/// Makes W3C trace and span ids, carries them between processes, and hands finished spans to an exporter.
///
/// A trace begun elsewhere keeps its sampling; one begun here is recorded with the probability `sampleRatio`, decided by its id. A span that is not recorded
/// costs no allocation and no clock reading: it shares its parent's context.
package struct MartletTracer: Tracer {
    package typealias Span = TraceSpan

    private let ids: TraceIDGenerator
    /// Traces whose low 63 bits are below this are recorded.
    private let threshold: UInt64
    private let exporter: any SpanExporter

    /// - Parameter sampleRatio: 0 to 1.
    package init(sampleRatio: Double, exporter: any SpanExporter = DroppingExporter(), ids: TraceIDGenerator = TraceIDGenerator())
    {
        let ratio = min(1, max(0, sampleRatio))
        threshold = ratio == 1 ? .max : UInt64(ratio * Double(UInt64(1) << 63))
        (self.exporter, self.ids) = (exporter, ids)
    }

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
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

    // MARK: Between processes

    package static let requestIDField = "x-request-id"

    /// Reads `traceparent`, `tracestate` and `x-request-id`. For peers that are trusted to decide on sampling.
    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    )
    where Extract.Carrier == Carrier {
        if let parent = extractor.extract(key: "traceparent", from: carrier) {
            context.trace = TraceContext(traceparent: parent, tracestate: extractor.extract(key: "tracestate", from: carrier))
        }
        if let request = extractor.extract(key: Self.requestIDField, from: carrier), request.utf8.count <= 200 {
            context.requestID = request
        }
    }

    package func inject<Carrier, Inject: Injector>(_ context: ServiceContext, into carrier: inout Carrier, using injector: Inject)
    where Inject.Carrier == Carrier {
        if let trace = context.trace {
            injector.inject(trace.traceparent, forKey: "traceparent", into: &carrier)
            if let state = trace.state { injector.inject(state, forKey: "tracestate", into: &carrier) }
        }
        if let request = context.requestID { injector.inject(request, forKey: Self.requestIDField, into: &carrier) }
    }
}
