import Bus
import Contracts
import Edge
import Logging
import NIOCore
import NIOWebSocket
import Reactor
import ServiceKit
import Synchronization

/// Executes the rules of ``GatewayState``: passes events of sockets, the bus and the clock to them, and
/// carries out the commands that they return. Lives on the I/O thread, between the event loops of the sockets
/// and the bus.
actor Gateway {
    nonisolated let io: IOThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    let bus: any ProcedureCaller
    let logger: Logger
    /// Whether handshakes are accepted; readable from any thread.
    nonisolated let isOpen = Atomic<Bool>(false)
    nonisolated let metrics = GatewayMetrics()
    private let presence: PresenceService
    private let receipts: DeliveryReceiptBatcher
    private let revocations: Revocations
    /// The URL of the instance that serves a partition.
    private let url: @Sendable (Int) -> String?
    private let now: @Sendable () -> ContinuousClock.Instant

    private(set) var state: GatewayState
    var sockets = SocketTable()
    private var outputs: [LoopOutput]
    private var isFlushScheduled = false
    private var connectionsReleased: @Sendable () -> Void = {}
    /// The commands being executed. Empty between events; its storage is used again.
    private var commands: [GatewayCommand] = []

    /// - Parameters:
    ///   - deliver: publishes frames for clients of other instances.
    ///   - loops: the event loops of the sockets, by ``SocketHandle/loop``.
    ///   - incarnation: begins every connection id; new with every start of the process.
    ///   - url: returns where clients of a partition connect; `nil` while unknown.
    init(
        bus: any ProcedureCaller, deliver: @escaping @Sendable (Delivery) async throws -> Void, revocations: Revocations,
        partitionCount: Int, limits: GatewayLimits, loops: [any EventLoop], incarnation: String,
        url: @escaping @Sendable (Int) -> String?, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        on io: IOThread, logger: Logger
    ) {
        self.bus = bus
        self.logger = logger
        self.revocations = revocations
        self.url = url
        self.now = now
        self.io = io
        state = GatewayState(partitionCount: partitionCount, incarnation: incarnation, limits: limits, now: now())
        outputs = loops.map { LoopOutput($0) }
        presence = PresenceService(bus: bus, deliver: deliver, on: io, logger: logger)
        receipts = DeliveryReceiptBatcher(bus: bus, on: io, logger: logger)
    }

    // MARK: Events

    /// Call once, before the first client connects.
    func start() {
        presence.assumeIsolated { presence in
            presence.start { [weak self] user, text in
                self?.assumeIsolated { gateway in gateway.update { $0.send(text, toAllOf: user, given: $1) } }
            }
        }
    }

    /// A delivery has arrived from the bus.
    func deliver(_ delivery: Delivery) { update { $0.deliver(delivery, given: $1) } }

    /// Deliveries arrive from now on.
    func restoreFeed() { update { $0.restoreFeed(given: $1) } }

    /// Deliveries may be missed from now on.
    func loseFeed() { update { $0.loseFeed(given: $1) } }

    /// Applies the answer to a heartbeat, and redirects the clients that belong to another instance now.
    ///
    /// - Parameters:
    ///   - sentAt: when the heartbeat was sent; the lease runs from then.
    ///   - readRoutes: called if clients must be redirected. The lease and the assignment are in force before
    ///     that.
    func apply(
        _ answer: Heartbeat.Response, sentAt: ContinuousClock.Instant, readRoutes: @Sendable () async -> Void = {}
    ) async {
        switch update({ $0.apply(answer, sentAt: sentAt, given: $1) }) {
        case .outdated: return
        case .applied: break
        case .needsRoutes: await readRoutes()
        }
        update { $0.redirectClients(given: $1) }
    }

    /// Extends the lease while `config` cannot reassign partitions.
    func extendLease(by lease: Duration, sentAt: ContinuousClock.Instant) { state.extendLease(by: lease, sentAt: sentAt) }

    /// Partitions have moved from one instance to another.
    func partitionsReassigned(_ partitions: PartitionSet) {
        let count = state.ownership.partitionCount
        presence.assumeIsolated {
            $0.partitionsReassigned { partitions.contains(Partitioning.partition(of: $0, count: count)) }
        }
    }

    /// Disconnects the clients of sessions that have ended.
    func revoke(_ sessions: [SessionID]) { update { state, _ in state.revoke(sessions) } }

    /// Applies limits that an administrator has changed.
    func apply(_ limits: GatewayLimits) { state.limits = limits }

    /// Applies the rules that depend on time. Call it once a second.
    func tick(now: ContinuousClock.Instant) {
        presence.assumeIsolated { $0.tick(now: now) }
        update(at: now) { $0.tick(given: $1) }
        let ownership = state.ownership
        metrics.record(partitions: ownership.hasLease(at: now) ? ownership.served.count : 0)
    }

    /// Disconnects all clients, and accepts none from now on.
    func close() async {
        update { $0.close(given: $1) }
        await presence.close()
    }

    /// Returns the state for heartbeats, all of one moment.
    func report() -> GatewayReport { state.report() }

    /// Calls `body` whenever the last connection of partitions that moved elsewhere is closed.
    func onConnectionsReleased(_ body: @escaping @Sendable () -> Void) { connectionsReleased = body }

    // MARK: Commands

    /// Passes an event to the rules, and executes the commands that it causes.
    @discardableResult
    func update<Result>(
        at now: ContinuousClock.Instant? = nil, _ apply: (inout GatewayState, GatewayEnvironment) -> Result
    ) -> Result {
        let result = apply(&state, environment(now ?? self.now()))
        executeCommands()
        return result
    }

    /// Passes an event to the rules; ``executeCommands()`` must follow in the same job.
    func collect(now: ContinuousClock.Instant, _ apply: (inout GatewayState, GatewayEnvironment) -> Void) {
        apply(&state, environment(now))
    }

    var currentTime: ContinuousClock.Instant { now() }

    private func environment(_ now: ContinuousClock.Instant) -> GatewayEnvironment {
        GatewayEnvironment(now: now, sockets: sockets, revocations: revocations, url: url)
    }

    func executeCommands() {
        state.drainCommands(into: &commands)
        for command in commands { execute(command) }
        // After a command for very many clients, the memory is returned.
        commands.removeAll(keepingCapacity: commands.count <= 4_096)
        metrics.connections.store(state.connections, ordering: .relaxed)
    }

    private func execute(_ command: GatewayCommand) {
        switch command {
        case .send(let text, let n, let socket): output(.send(.frame(text, numbered: n), n: n), to: socket)
        case .greet(let text, let lastN, let socket): output(.send(.frame(text), n: lastN), to: socket)
        case .open(let socket): output(.open, to: socket)
        case .close(let socket, let reason): output(.close(WebSocketErrorCode(reason)), to: socket)
        case .reportDrain(let socket): sockets[socket]?.isCongested.store(true, ordering: .relaxed)
        case .acceptHandshakes(let isOpen): self.isOpen.store(isOpen, ordering: .relaxed)
        case .scheduleRelease: scheduleRelease()
        case .reportRelease: connectionsReleased()
        case .perform(let request, let id): perform(request, on: id)
        case .addReceipt(let user, let chat, let seq): receipts.assumeIsolated { $0.add(user, chat, seq: seq) }
        case .changePresence(let change): presence.assumeIsolated { $0.apply(change) }
        case .record(let occurrence): record(occurrence)
        }
    }

    private func record(_ occurrence: GatewayOccurrence) {
        metrics.record(occurrence)
        if case .deliveryGap(let sessions) = occurrence {
            logger.notice("delivery gap: all sessions must resynchronise", metadata: ["sessions": "\(sessions)"])
        }
    }

    private func scheduleRelease() {
        io.schedule(after: MessageSequencer<Delivery.Item>.patience) { [weak self] in
            self?.assumeIsolated { gateway in gateway.update { $0.releaseHeldMessages(given: $1) } }
        }
    }

    private func output(_ command: SocketCommand, to socket: SocketID) {
        guard let port = sockets[socket] else { return }
        if case .send(let bytes, _) = command { metrics.recordSent(bytes: bytes.readableBytes) }
        outputs[port.loop].add(command, to: port)
        if isFlushScheduled { return }
        isFlushScheduled = true
        io.atTurnEnd { [weak self] in self?.assumeIsolated { $0.flush() } }
    }

    private func flush() {
        isFlushScheduled = false
        for index in outputs.indices { outputs[index].flush() }
    }
}

extension WebSocketErrorCode {
    static let moved = WebSocketErrorCode(.moved)
    static let revoked = WebSocketErrorCode(.revoked)

    fileprivate init(_ reason: CloseReason) { self.init(codeNumber: Int(reason.rawValue)) }
}

/// The outside world during one event.
struct GatewayEnvironment: GatewayInputs {
    let now: ContinuousClock.Instant
    let sockets: SocketTable
    let revocations: Revocations
    let url: @Sendable (Int) -> String?

    var wallClock: Timestamp { .now }
    var sendDeadline: Timestamp {
        Timestamp(millisecondsSinceEpoch: Deadline.after(SendMessage.timeout).millisecondsSinceEpoch)
    }
    var knowsRevocations: Bool { revocations.areFresh }

    func status(of session: SessionID) -> SessionStatus {
        switch revocations.verdict(on: session) {
        case .live: .valid
        case .revoked: .revoked
        case .unknown: .unknown
        }
    }

    func bytesWaiting(in socket: SocketID) -> Int { sockets[socket]?.outstanding.load(ordering: .relaxed) ?? 0 }
    func url(of partition: Int) -> String? { url(partition) }
    func reconnectDelay() -> Int { .random(in: 0...200) }
}
