import AMQP
import CBOR
import Contracts
import Logging
import Reactor
import ServiceLifecycle
import Synchronization
import Tracing

/// How services speak with one another: typed calls and events over RabbitMQ.
///
/// Register what is served and consumed first, then ``run()``. Calls may be made at any time; while the broker is away they fail at once.
package final class Bus: Service {
    struct Registered {
        var procedures: [ServedProcedure] = []
        var queues: [WorkQueue] = []
        var feeds: [Broadcast] = []
        var deliveryFeed: DeliveryFeed?
        var outboxes: [Outbox] = []
        var isRunning = false
        var running = RunningParts()
    }

    let configuration: BusConfiguration
    let io: IOThread
    let logger: Logger
    let facts: FactsPublisher
    let deliveries: DeliveryPublisher
    private let client: CallClient
    private let tracing = CallTracing()
    private let calls: AMQPConnection
    private let events: AMQPConnection
    /// Of those who deliver only; see ``DeliveryPublisher``.
    let live: AMQPConnection?
    let registered = Mutex(Registered())
    private let opened = Gate()

    package init(_ configuration: BusConfiguration, on io: IOThread, logger: Logger) {
        self.configuration = configuration
        self.io = io
        self.logger = logger
        client = CallClient(configuration, on: io, logger: logger)
        facts = FactsPublisher(configuration.service, on: io)
        deliveries = DeliveryPublisher(configuration, on: io)
        func patient(_ purpose: String) -> AMQPConnection {
            var endpoint = configuration.endpoint(named: purpose)
            endpoint.confirmationsMayWait = true
            return AMQPConnection(endpoint, on: io, logger: logger)
        }
        calls = patient("calls")
        live = DeliveryFeed.senders.contains(configuration.service) ? patient("deliveries") : nil
        events = AMQPConnection(configuration.endpoint(named: "events"), on: io, logger: logger)
    }

    // MARK: Calls

    /// Asks the service that serves `request` and waits for its answer.
    ///
    /// Deadline and trace context are inherited from the request being handled, if there is one.
    /// - Parameter deadline: the earliest of this, the current request's, and the procedure's own timeout from now counts.
    /// - Throws: what the service answers; `unavailable` at once when nobody serves it, its queue is full, too many calls wait already, or the broker is
    ///   away; `deadlineExceeded`; `unknownOutcome` when the connection was lost after the call had left. Cancelling the task abandons the call
    ///   (`deadlineExceeded`) and frees its slot; the service may still do the work.
    package func call<P: Procedure>(_ request: P, deadline: Deadline? = nil) async throws(ServiceError) -> P.Response {
        let payload = try await payload(of: request, deadline: deadline)
        do { return try CBORDecoder.contracts.decode(P.Response.self, from: payload) } catch {
            logger.error("an answer cannot be read", metadata: ["procedure": "\(P.name)", "error": "\(error)"])
            throw ServiceError(.internal, "the answer of \(P.service) cannot be read")
        }
    }

    /// Like ``call(_:deadline:)``, for those who pass the response on without looking at it: CBOR, as it came.
    package func payload<P: Procedure>(of request: P, deadline: Deadline? = nil) async throws(ServiceError) -> [UInt8] {
        let service = configuration.service
        guard P.callers.contains(service) else { throw ServiceError(.denied, "\(service) may not call \(P.name)") }
        let deadline = Deadline.after(P.timeout).orEarlier(deadline).orEarlier(.current)
        if deadline.hasPassed {
            throw ServiceError(.deadlineExceeded, "no time is left to call \(P.name)", mayHaveHappened: false)
        }
        let payload = try Self.encode(request)
        let span = tracing.began(P.name.rawValue)
        defer { span.end() }
        let call = WireCall(
            correlationID: 0, deadline: deadline.millisecondsSinceEpoch, procedure: P.name.rawValue,
            context: tracing.fields(of: span), payload: payload)
        switch await client.call(call, to: P.service, isRepeatable: P.isRepeatable, isVital: P.isVital) {
        case .success(let payload): return payload
        case .failure(let error):
            span.note(error)
            throw P.isReadOnly ? error.ofReading : error
        }
    }

    private static func encode(_ request: some Procedure) throws(ServiceError) -> [UInt8] {
        let bytes: [UInt8]
        do { bytes = try CBOREncoder.contracts.encode(request) } catch {
            throw ServiceError(.invalid, "the request cannot be put on the bus: \(error)")
        }
        guard bytes.count <= CallEnvelope.maximumPayload else {
            throw ServiceError(.invalid, "the request has \(bytes.count) bytes; \(CallEnvelope.maximumPayload) is the most")
        }
        return bytes
    }

    /// Answers `procedure`. Before ``run()`` only.
    ///
    /// - Parameters:
    ///   - atMost: handlers of this procedure at once; a call beyond them is answered `unavailable`.
    ///   - handler: runs as a task that prefers the I/O thread and is cancelled at the call's deadline. A `ServiceError` it throws is the answer;
    ///     anything else is logged and answered `internal`.
    package func serve<P: Procedure>(
        _ procedure: P.Type, atMost: Int = 256, _ handler: @escaping @Sendable (P, CallContext) async throws -> P.Response
    ) {
        serve(procedure, as: P.Response.self, atMost: atMost, handler)
    }

    /// Like ``serve(_:atMost:_:)``, for those who need not make a response to answer: a value of another type that is coded as one.
    package func serve<P: Procedure, Answer: Encodable & Sendable>(
        _ procedure: P.Type, as answer: Answer.Type, atMost: Int = 256,
        _ handler: @escaping @Sendable (P, CallContext) async throws -> Answer
    ) {
        let served = ServedProcedure(procedure, atMost: atMost, logger: logger, handler)
        precondition(P.service == configuration.service, "\(P.name) is not ours to serve")
        register { $0.procedures.append(served) }
    }

    func register(_ change: (inout Registered) -> Void) {
        registered.withLock {
            precondition(!$0.isRunning, "what is served and consumed is registered before the bus runs")
            change(&$0)
        }
    }

    // MARK: Life

    /// Connected, not blocked, and consuming everything that was registered.
    package var isReady: Bool {
        get async {
            guard await calls.isReady, await events.isReady, await live?.isReady ?? true, await client.isReady else {
                return false
            }
            return await registered.withLock(\.running).areReady
        }
    }

    /// Returns once ``run()`` has connected and everything that was registered is being consumed; at once if so.
    ///
    /// - Throws: `CancellationError`; `AMQPError` when the bus has stopped.
    package func started() async throws {
        try await opened.wait()
        try await client.opened()
        try await facts.opened()
        try await deliveries.opened()
        try await registered.withLock(\.running).opened()
    }

    /// Works until shutdown: then takes nothing new, answers what is in hand (at most `drainTimeout`), and leaves.
    package func run() async throws {
        let parts = await open()
        let connections = ServiceGroup(services: [calls, events] + (live.map { [$0] } ?? []), logger: logger)
        // Detached: the connections must outlive the shutdown that everybody else hears of, until what is in hand is answered.
        let life = Task.detached { try await connections.run() }
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await life.value }
                group.addTask { [self] in
                    try? await gracefulShutdown()
                    await drain(parts)
                    await connections.triggerGracefulShutdown()
                }
                try await group.next()
                try await group.waitForAll()
            }
        } onCancel: {
            life.cancel()
        }
    }

    /// In this order: take nothing new and finish what is in hand, publish the facts it has made, stop calling others.
    private func drain(_ parts: RunningParts) async {
        await parts.drain(atMost: configuration.drainTimeout)
        for outbox in registered.withLock(\.outboxes) { await outbox.drain(atMost: .seconds(3)) }
        await client.stop()
    }

    private func open() async -> RunningParts {
        let parts = RunningParts(registered.withLock(\.self), self)
        await client.open(on: calls)
        await facts.open(on: events)
        if let live { await deliveries.open(on: live) }
        await parts.open(calls: calls, events: events, live: live)
        registered.withLock {
            $0.running = parts
            $0.isRunning = true
        }
        opened.open()
        return parts
    }
}

extension BusConfiguration {
    /// The endpoint, with a name that tells operators which connection it is.
    fileprivate func endpoint(named purpose: String) -> AMQPEndpoint {
        var endpoint = endpoint
        endpoint.connectionName = "\(instance) \(purpose)"
        return endpoint
    }
}
