import Bus
import Contracts
import Logging

/// Registers the handlers of a service's procedures, and maps what they throw to a ``ServiceError``.
///
/// Logs every `internal` error with its cause, which callers do not see.
package struct ProcedureServer: Sendable {
    private let bus: Bus
    private let logger: Logger

    package init(_ bus: Bus, logger: Logger) {
        self.bus = bus
        self.logger = logger
    }

    /// Serves `procedure`. Only before the bus runs.
    ///
    /// - Parameter atMost: the number of handlers at once; a call beyond them fails as `unavailable`.
    package func serve<P: Procedure>(
        _ procedure: P.Type, atMost: Int = 256, _ handler: @escaping @Sendable (P, CallContext) async throws -> P.Response
    ) {
        serve(procedure, as: P.Response.self, atMost: atMost, handler)
    }

    /// Serves `procedure` with answers of another type that encodes like the procedure's response.
    package func serve<P: Procedure, Answer: Encodable & Sendable>(
        _ procedure: P.Type, as type: Answer.Type, atMost: Int = 256,
        _ handler: @escaping @Sendable (P, CallContext) async throws -> Answer
    ) {
        bus.serve(procedure, as: type, atMost: atMost) { [logger] request, context in
            do { return try await handler(request, context) } catch {
                let answer = ServiceError(thrown: error)
                if answer.code == .internal {
                    logger.error("request failed", metadata: ["procedure": "\(P.name)", "error": "\(error)"])
                }
                throw answer
            }
        }
    }
}
