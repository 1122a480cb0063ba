import Contracts
import Instrumentation
import ServiceContextModule
import Tracing

/// The spans of calls, and their context on the way from caller to server.
///
/// The tracer is looked up once, since a look-up locks and casts.
struct CallTracing: Sendable {
    private let tracer: any Tracer = InstrumentationSystem.tracer

    /// Starts a client span of the current task. The caller ends it.
    func startCall(_ procedure: String) -> any Span { tracer.startAnySpan(procedure, ofKind: .client) }

    /// Returns the context fields that carry `span` to the server.
    func fields(of span: any Span) -> [WireCall.ContextField] {
        var fields: [WireCall.ContextField] = []
        tracer.inject(span.context, into: &fields, using: TraceCarrier())
        return fields
    }

    /// Runs `body` within a server span that continues the caller's trace.
    func serving<Result>(_ call: WireCall, _ body: (any Span) async -> Result) async -> Result {
        var context = ServiceContext.topLevel
        if !call.context.isEmpty { tracer.extract(call.context, into: &context, using: TraceCarrier()) }
        return await tracer.withAnySpan(call.procedure, context: context, ofKind: .server) { span in await body(span) }
    }
}

extension Span {
    /// Records the error code of a failed call.
    func setFailed(_ error: ServiceError) { attributes["martlet.error"] = error.code.rawValue }
}

/// Reads and writes trace context and request id in the context fields of a call.
struct TraceCarrier: Injector, Extractor {
    /// A tracestate has at most 512 bytes (W3C), and a request id fewer.
    private static let maximumValue = 1_024

    func inject(_ value: String, forKey key: String, into fields: inout [WireCall.ContextField]) {
        guard value.utf8.count <= Self.maximumValue, key.utf8.count <= 255 else { return }
        fields.append(WireCall.ContextField(name: key, value: value))
    }

    func extract(key: String, from fields: [WireCall.ContextField]) -> String? { fields.first { $0.name == key }?.value }

    /// Returns the fields of the current task's context.
    static func currentFields() -> [WireCall.ContextField] {
        guard let context = ServiceContext.current else { return [] }
        var fields: [WireCall.ContextField] = []
        InstrumentationSystem.instrument.inject(context, into: &fields, using: TraceCarrier())
        return fields
    }

    static func context(of fields: [WireCall.ContextField]) -> ServiceContext {
        var context = ServiceContext.topLevel
        if !fields.isEmpty { InstrumentationSystem.instrument.extract(fields, into: &context, using: TraceCarrier()) }
        return context
    }
}
