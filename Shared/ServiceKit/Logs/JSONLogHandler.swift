import Contracts
import Logging
import Tracing

/// Writes each log event as one JSON object on one line, with the current trace, request and user.
///
/// Fields: `time level logger message service instance`, then `traceId spanId requestId userId error` if
/// present, then `metadata`.
package struct JSONLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    package var metadataProvider: Logger.MetadataProvider?
    /// Encoded fields that are equal in every line.
    private let logger: JSONLine.Fields
    private let identity: JSONLine.Fields
    private let output: any LogOutput
    private let now: @Sendable () -> Timestamp

    /// The maximum number of bytes of a line.
    package static let lineLimit = 16_384

    /// The process that logs.
    package struct Identity: Sendable {
        package let service: String
        package let instance: String

        package init(service: String, instance: String) {
            self.service = service
            self.instance = instance
        }
    }

    package init(
        label: String, level: Logger.Level, identity: Identity, output: any LogOutput,
        metadataProvider: Logger.MetadataProvider? = nil,
        now: @escaping @Sendable () -> Timestamp = { .now }
    ) {
        logger = JSONLine.Fields([("logger", label)])
        self.identity = JSONLine.Fields([("service", identity.service), ("instance", identity.instance)])
        logLevel = level
        self.output = output
        self.metadataProvider = metadataProvider
        self.now = now
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var line = JSONLine(limit: Self.lineLimit)
        line.add("time", now().description)
        line.add("level", event.level.rawValue)
        line.add(logger)
        line.add("message", event.message.description)
        line.add(identity)
        if let context = InstrumentationContext.current { add(context, to: &line) }
        if let error = event.error { line.add("error", String(describing: error)) }
        line.add("metadata", merged(event.metadata))
        output.write(line.end(), soon: event.level >= .warning)
    }

    private func add(_ context: InstrumentationContext, to line: inout JSONLine) {
        if let trace = context.trace {
            line.add("traceId", trace.traceID.description)
            line.add("spanId", trace.spanID.description)
        }
        if let request = context.requestID { line.add("requestId", request, limit: 200) }
        if let user = context.userID { line.add("userId", user, limit: 64) }
    }

    private func merged(_ explicit: Logger.Metadata?) -> Logger.Metadata {
        var all = metadata
        if let provided = metadataProvider?.get(), !provided.isEmpty { all.merge(provided) { $1 } }
        guard let explicit else { return all }
        return all.isEmpty ? explicit : all.merging(explicit) { $1 }
    }
}
