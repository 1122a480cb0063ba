import Instrumentation
import ServiceContextModule

/// Carries trace context and request id in the fields of a call.
struct TraceCarrier: Injector, Extractor {
    /// W3C gives a tracestate 512 bytes, and we our request ids fewer.
    private static let maximumValue = 1_024

    func inject(_ value: String, forKey key: String, into fields: inout [WireCall.ContextField]) {
        guard value.utf8.count <= Self.maximumValue, key.utf8.count <= 255 else { return }
        fields.append(WireCall.ContextField(name: key, value: value))
    }

    func extract(key: String, from fields: [WireCall.ContextField]) -> String? { fields.first { $0.name == key }?.value }

    /// Of the current task.
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
