import AMQP
import CBOR
import Contracts
import Logging
import Reactor
import ServiceLifecycle
import Synchronization
import Tracing

/// Typed calls and events between services, over RabbitMQ.
///
/// Register procedures, queues and subscriptions before ``run()``. Calls are possible at any time; without a
/// connection to the broker they fail at once.
package final class Bus: Service {
    struct Registered {
        var procedures: [ServedProcedure] = []
        var queues: [WorkQueue] = []
        var subscriptions: [EventSubscription] = []
        var attached: [(component: any BusComponent, connection: AMQPConnection)] = []
        /// The connections of attached components, by purpose.
        var connections: [String: AMQPConnection] = [:]
        var outboxes: [Outbox] = []
        var isRunning = false
        var components = BusComponents()
    }

    package let configuration: BusConfiguration
    package let io: IOThread
    package let logger: Logger
    let publisher: EventPublisher
    private let client: CallClient
    private let tracing = CallTracing()
    private let calls: AMQPConnection
    private let events: AMQPConnection
    let registered = Mutex(Registered())
    private let opened = Promise<Void>()

    package init(_ configuration: BusConfiguration, on io: IOThread, logger: Logger) {
        self.configuration = configuration
        self.io = io
        self.logger = logger
        client = CallClient(configuration, on: io, logger: logger)
        publisher = EventPublisher(configuration.service, on: io)
        calls = AMQPConnection(configuration.endpoint(named: "calls", confirmationsMayWait: true), on: io, logger: logger)
        events = AMQPConnection(configuration.endpoint(named: "events"), on: io, logger: logger)
    }

    // MARK: Calls

    /// Calls the service that serves `request` and returns its response.
    ///
    /// The call inherits the trace context and the deadline of the request that this task handles, if there
    /// is one.
    ///
    /// - Parameter deadline: the call ends at the earliest of this, the inherited deadline and the
    ///   procedure's own timeout.
    /// - Throws: the error that the service answers. `unavailable` at once when no instance serves the
    ///   procedure, its queue is full, too many calls are waiting, or the broker is away. `deadlineExceeded`.
    ///   `unknownOutcome` when the connection was lost after the call had left.
    /// - Note: Cancelling the task abandons the call (`deadlineExceeded`) and frees its slot. The service may
    ///   still do the work.
    package func call<P: Procedure>(_ request: P, deadline: Deadline? = nil) async throws(ServiceError) -> P.Response {
        let payload = try await payload(of: request, deadline: deadline)
        do { return try CBORDecoder.contracts.decode(P.Response.self, from: payload) } catch {
            logger.error("a response could not be decoded", metadata: ["procedure": "\(P.name)", "error": "\(error)"])
            throw ServiceError(.internal, "the answer of \(P.service) cannot be decoded")
        }
    }

    /// Like ``call(_:deadline:)``, but returns the response as it arrived, in CBOR, for callers that only
    /// pass it on.
    package func payload<P: Procedure>(of request: P, deadline: Deadline? = nil) async throws(ServiceError) -> [UInt8] {
        let service = configuration.service
        guard P.callers.contains(service) else { throw ServiceError(.denied, "\(service) may not call \(P.name)") }
        let deadline = Deadline.after(P.timeout).orEarlier(deadline).orEarlier(.current)
        if deadline.hasPassed {
            throw ServiceError(.deadlineExceeded, "no time is left to call \(P.name)", mayHaveHappened: false)
        }
        let payload = try Self.encode(request)
        let span = tracing.startCall(P.name.rawValue)
        defer { span.end() }
        let call = WireCall(
            correlationID: 0, deadline: deadline.millisecondsSinceEpoch, procedure: P.name.rawValue,
            context: tracing.fields(of: span), payload: payload)
        switch await client.call(call, to: P.service, isRepeatable: P.isRepeatable, isVital: P.isVital) {
        case .success(let payload): return payload
        case .failure(let error):
            span.setFailed(error)
            throw P.isReadOnly ? error.ofReading : error
        }
    }

    private static func encode(_ request: some Procedure) throws(ServiceError) -> [UInt8] {
        let bytes: [UInt8]
        do { bytes = try CBOREncoder.contracts.encode(request) } catch {
            throw ServiceError(.invalid, "the request cannot be encoded: \(error)")
        }
        guard bytes.count <= CallEnvelope.maximumPayload else {
            throw ServiceError(
                .invalid, "the request has \(bytes.count) bytes; the limit is \(CallEnvelope.maximumPayload) bytes")
        }
        return bytes
    }

    /// Serves `procedure` with `handler`. Before ``run()`` only.
    ///
    /// - Parameters:
    ///   - atMost: the number of calls of this procedure that may be in progress at once. Further ones are
    ///     answered `unavailable`.
    ///   - handler: runs as a task that prefers the I/O thread and is cancelled at the call's deadline. A
    ///     `ServiceError` that it throws is the answer. Any other error is logged and answered `internal`.
    package func serve<P: Procedure>(
        _ procedure: P.Type, atMost: Int = 256, _ handler: @escaping @Sendable (P, CallContext) async throws -> P.Response
    ) {
        serve(procedure, as: P.Response.self, atMost: atMost, handler)
    }

    /// Like ``serve(_:atMost:_:)``, for a handler that returns another type with the same encoding as the
    /// response.
    package func serve<P: Procedure, Answer: Encodable & Sendable>(
        _ procedure: P.Type, as answer: Answer.Type, atMost: Int = 256,
        _ handler: @escaping @Sendable (P, CallContext) async throws -> Answer
    ) {
        let served = ServedProcedure(procedure, atMost: atMost, logger: logger, handler)
        precondition(P.service == configuration.service, "\(P.name) is a procedure of \(P.service)")
        register { $0.procedures.append(served) }
    }

    // MARK: Events

    /// Handles the events of `queue`, each at least once. Before ``run()`` only.
    package func consume(_ queue: WorkQueue) { register { $0.queues.append(queue) } }

    /// Receives the events of `subscription` while connected. Before ``run()`` only.
    package func subscribe(_ subscription: EventSubscription) { register { $0.subscriptions.append(subscription) } }

    /// Sends a transient event of this service to the current subscribers, such as an invalidation. It is
    /// neither stored nor confirmed.
    ///
    /// - Throws: `unavailable` when it cannot be sent now; `invalid` when it cannot be encoded.
    package func broadcast(_ event: some Event) async throws(ServiceError) {
        let row: OutboxEvent
        do { row = try OutboxEvent(event) } catch { throw ServiceError(.invalid, "the event cannot be encoded: \(error)") }
        do { try await publisher.broadcast(row, exchange: Exchange.name(for: type(of: event))) } catch {
            throw ServiceError(.unavailable, error.sendFailureReason, retryAfterMilliseconds: 1_000)
        }
    }

    /// Has ``run()`` end only after `outbox` has published what was committed.
    func add(_ outbox: Outbox) { registered.withLock { $0.outboxes.append(outbox) } }

    // MARK: Components

    /// Adds a component of another module, which the bus opens, watches and drains with its own. Before
    /// ``run()`` only.
    ///
    /// - Parameter purpose: names its connection to operators, beside `calls` and `events`. Components with
    ///   the same purpose share one connection, whose publisher confirms may wait for others so that they
    ///   seldom wake the process.
    package func attach(_ component: any BusComponent, connection purpose: String) {
        register { registered in
            let connection =
                registered.connections[purpose]
                ?? AMQPConnection(
                    configuration.endpoint(named: purpose, confirmationsMayWait: true), on: io, logger: logger)
            registered.connections[purpose] = connection
            registered.attached.append((component, connection))
        }
    }

    func register(_ change: (inout Registered) -> Void) {
        registered.withLock {
            precondition(!$0.isRunning, "procedures, queues and components must be registered before the bus runs")
            change(&$0)
        }
    }

    // MARK: Life

    /// Whether all connections are open and not blocked, and everything registered is being consumed.
    package var isReady: Bool {
        get async {
            guard await calls.isReady, await events.isReady else { return false }
            let (connections, components) = registered.withLock { (Array($0.connections.values), $0.components) }
            for connection in connections where await !connection.isReady { return false }
            return await components.areReady
        }
    }

    /// Returns once ``run()`` has connected and everything registered is being consumed; at once if it is.
    ///
    /// - Throws: `CancellationError`; `AMQPError` when the bus has stopped.
    package func started() async throws {
        try await opened.value
        try await registered.withLock(\.components).opened()
    }

    /// Runs until shutdown. Then accepts nothing new, answers the calls in progress for at most
    /// `drainTimeout`, and disconnects.
    package func run() async throws {
        let components = await open()
        let connections = ServiceGroup(
            services: [calls, events] + registered.withLock { Array($0.connections.values) }, logger: logger)
        // Detached: the connections must outlive the shutdown that the group signals, until the calls in
        // progress are answered.
        let life = Task.detached { try await connections.run() }
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await life.value }
                group.addTask { [self] in
                    try? await gracefulShutdown()
                    await drain(components)
                    await connections.triggerGracefulShutdown()
                }
                try await group.next()
                try await group.waitForAll()
            }
        } onCancel: {
            life.cancel()
        }
    }

    /// In this order: finish the work in progress, publish the events that it produced, stop calling other
    /// services.
    private func drain(_ components: BusComponents) async {
        await components.drain(atMost: configuration.drainTimeout)
        for outbox in registered.withLock(\.outboxes) { await outbox.drain(atMost: .seconds(3)) }
        await client.stop()
    }

    private func open() async -> BusComponents {
        let components = components(of: registered.withLock(\.self))
        await components.open()
        registered.withLock {
            $0.components = components
            $0.isRunning = true
        }
        opened.fulfill()
        return components
    }

    /// Publishers come first, since handlers need them.
    private func components(of registered: Registered) -> BusComponents {
        var components = BusComponents()
        components.add(client, on: calls)
        components.add(publisher, on: events)
        for attached in registered.attached { components.add(attached.component, on: attached.connection) }
        if !registered.procedures.isEmpty {
            components.add(CallServer(registered.procedures, configuration, on: io, logger: logger), on: calls)
        }
        for queue in registered.queues {
            components.add(
                WorkConsumer(queue, of: configuration.service, publisher: publisher, on: io, logger: logger), on: events)
        }
        for (index, subscription) in registered.subscriptions.enumerated() {
            components.add(
                EventSubscriber(subscription, configuration, number: index + 1, on: io, logger: logger), on: events)
        }
        return components
    }
}

extension BusConfiguration {
    /// The endpoint, with a connection name that tells operators what the connection is for.
    fileprivate func endpoint(named purpose: String, confirmationsMayWait: Bool = false) -> AMQPEndpoint {
        var endpoint = endpoint
        endpoint.connectionName = "\(instance) \(purpose)"
        if confirmationsMayWait { endpoint.confirmationsMayWait = true }
        return endpoint
    }
}
