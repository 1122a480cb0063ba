import Contracts
import Instrumentation
import ServiceContextModule
import Tracing

/// The spans of calls, and how they travel from caller to server.
///
/// The tracer is looked up once: the look-up locks and casts, twice for each call on either side.
struct CallTracing: Sendable {
    private let tracer: any Tracer = InstrumentationSystem.tracer

    /// A span of the current task, for who asks; to be ended.
    func began(_ procedure: String) -> any Span { tracer.startAnySpan(procedure, ofKind: .client) }

    /// What tells the server of `span`.
    func fields(of span: any Span) -> [WireCall.ContextField] {
        var fields: [WireCall.ContextField] = []
        tracer.inject(span.context, into: &fields, using: TraceCarrier())
        return fields
    }

    /// Runs `body` within a span that continues what the caller told.
    func serving<Result>(_ call: WireCall, _ body: (any Span) async -> Result) async -> Result {
        var context = ServiceContext.topLevel
        if !call.context.isEmpty { tracer.extract(call.context, into: &context, using: TraceCarrier()) }
        return await tracer.withAnySpan(call.procedure, context: context, ofKind: .server) { span in await body(span) }
    }
}

extension Span {
    func note(_ error: ServiceError) { attributes["martlet.error"] = error.code.rawValue }
}
