import Tracing

/// Receives finished spans.
package protocol SpanExporter: Sendable {
    /// Called on the thread on which the span ends. It must not block: enqueue spans, and drop them beyond a
    /// limit.
    func export(_ span: FinishedSpan)
}

/// Discards every span. Tracing then provides ids for logs and propagation only.
package struct NoOpSpanExporter: SpanExporter {
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
        self.name = name
        self.kind = kind
        self.trace = trace
        self.parent = parent
        self.start = start
    }
}
