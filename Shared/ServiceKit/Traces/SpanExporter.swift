import Tracing

/// Takes finished spans. Called wherever a span ends: it must neither block nor take long, so it queues, and drops what is too much.
package protocol SpanExporter: Sendable {
    func export(_ span: FinishedSpan)
}

/// Forgets every span: tracing then serves the logs and the propagation only.
package struct DroppingExporter: SpanExporter {
    package init() {}
    package func export(_ span: FinishedSpan) {}
}

/// A span that has ended.
package struct FinishedSpan: Sendable {
    package var name: String
    package let kind: SpanKind
    package let trace: TraceContext
    package let parent: SpanID?
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    package let start: UInt64
    package var end: UInt64 = 0
    package var attributes: SpanAttributes = [:]
    package var status: SpanStatus?
    package var events: [SpanEvent] = []
    package var links: [SpanLink] = []

    init(name: String, kind: SpanKind, trace: TraceContext, parent: SpanID?, start: UInt64) {
        (self.name, self.kind, self.trace, self.parent, self.start) = (name, kind, trace, parent, start)
    }
}
