import AMQP
import Contracts
import Logging
import Reactor
import ServiceLifecycle

/// How services speak with one another: typed calls and events over RabbitMQ.
///
/// Register what is served and consumed first, then ``run()``. Calls may be made at any time; while the broker is away they fail at once.
package final class Bus: Service {
    package init(_ configuration: BusConfiguration, on io: IOThread, logger: Logger) {}

    // MARK: Calls

    /// Asks the service that serves `request` and waits for its answer.
    ///
    /// Deadline and trace context are inherited from the request being handled, if there is one.
    /// - Parameter deadline: the earliest of this, the current request's, and the procedure's own timeout from now counts.
    /// - Throws: what the service answers; `unavailable` at once when nobody serves it, its queue is full, too many calls wait already, or the broker is
    ///   away; `deadlineExceeded`; `unknownOutcome` when the connection was lost after the call had left. Cancelling the task abandons the call
    ///   (`deadlineExceeded`) and frees its slot; the service may still do the work.
    package func call<P: Procedure>(_ request: P, deadline: Deadline? = nil) async throws(ServiceError) -> P.Response {
        throw ServiceError(.unavailable, "the bus is not running")
    }

    /// Answers `procedure`. Before ``run()`` only.
    ///
    /// - Parameters:
    ///   - atMost: handlers of this procedure at once; a call beyond them is answered `unavailable`.
    ///   - handler: runs as a task that prefers the I/O thread and is cancelled at the call's deadline. A `ServiceError` it throws is the answer;
    ///     anything else is logged and answered `internal`.
    package func serve<P: Procedure>(
        _ procedure: P.Type, atMost: Int = 256, _ handler: @escaping @Sendable (P, CallContext) async throws -> P.Response
    ) {}

    // MARK: Life

    /// Connected, not blocked, and consuming everything that was registered.
    package var isReady: Bool { get async { false } }

    /// Returns once ready, at once if it is.
    ///
    /// - Throws: `CancellationError`.
    package func started() async throws {}

    /// Works until shutdown: then takes nothing new, answers what is in hand (at most `drainTimeout`), and leaves.
    package func run() async throws {}
}
