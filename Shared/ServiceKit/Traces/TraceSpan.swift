import Synchronization
import Tracing

/// A span. It records only when its trace is sampled; otherwise it carries a context.
package struct TraceSpan: Tracing.Span {
    package let context: InstrumentationContext
    /// `nil` when the trace is not sampled.
    let recording: SpanRecording?

    package var isRecording: Bool { recording?.isOpen ?? false }

    package var operationName: String {
        get { recording?.read { $0.name } ?? "" }
        nonmutating set { recording?.change { $0.name = newValue } }
    }

    package var attributes: SpanAttributes {
        get { recording?.read { $0.attributes } ?? [:] }
        nonmutating set { recording?.change { $0.attributes = newValue } }
    }

    package func setStatus(_ status: SpanStatus) { recording?.change { $0.status = status } }

    package func addEvent(_ event: SpanEvent) {
        recording?.change { if $0.events.count < SpanRecording.limit { $0.events.append(event) } }
    }

    package func addLink(_ link: SpanLink) {
        recording?.change { if $0.links.count < SpanRecording.limit { $0.links.append(link) } }
    }

    package func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        guard isRecording else { return }
        var attributes = attributes
        attributes["exception.type"] = String(reflecting: type(of: error))
        attributes["exception.message"] = String(String(describing: error).prefix(1_024))
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
    }

    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        guard let recording, recording.isOpen else { return }
        recording.end(at: instant().nanosecondsSinceEpoch)
    }
}

/// The recorded values of a span. Changes after its end are ignored.
final class SpanRecording: Sendable {
    /// The maximum number of events, and of links, of one span.
    static let limit = 128

    private let state: Mutex<FinishedSpan?>
    private let exporter: any SpanExporter

    init(name: String, kind: SpanKind, trace: TraceContext, parent: SpanID?, start: UInt64, exporter: any SpanExporter) {
        state = Mutex(FinishedSpan(name: name, kind: kind, trace: trace, parent: parent, start: start))
        self.exporter = exporter
    }

    var isOpen: Bool { state.withLock { $0 != nil } }

    func read<Value: Sendable>(_ body: (FinishedSpan) -> Value) -> Value? { state.withLock { $0.map(body) } }

    func change(_ body: (inout FinishedSpan) -> Void) {
        state.withLock { span in
            if var open = span {
                body(&open)
                span = open
            }
        }
    }

    func end(at nanoseconds: UInt64) {
        let finished = state.withLock { $0.take() }
        guard var finished else { return }
        finished.end = max(finished.start, nanoseconds)
        exporter.export(finished)
    }
}
