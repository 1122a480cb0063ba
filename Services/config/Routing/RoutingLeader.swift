import Contracts
import Logging
import Postgres
import Reactor
import ServiceKit
import ServiceLifecycle

/// Leads, or waits to lead: reads the members' reports from Postgres and moves partitions so that each has
/// one owner and all owners have about the same number.
///
/// ``LeaderState`` holds the rules. Every instance of `config` runs one leader; the leader row lets one of
/// them act.
actor RoutingLeader: Service {
    /// What health checks report of routing.
    struct Status: Sendable {
        var isLeading: Bool
        var leader: LeaderRow
        var handovers: Int
        var unserved: Int?
    }

    private let io: IOThread
    private let store: RoutingStore
    private let instance: String
    private let timing: LeaseTiming
    private let partitionCountGuard: PartitionCountGuard
    private let isConnected: @Sendable () async -> Bool
    private let publish: @Sendable (any Notice) async -> Void
    private let onStatus: @Sendable (Status?) -> Void
    private let metrics = RoutingMetrics()
    private let logger: Logger
    private let origin = ContinuousClock.now

    private var state: LeaderState
    private var isFailing = false
    private var isStopped = false
    private let turns: AsyncStream<Void>
    private let requestTurn: AsyncStream<Void>.Continuation

    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - isConnected: whether heartbeats can arrive: this process is connected to the broker and consumes.
    ///   - publish: sends a notice to all processes. It may fail without an error.
    ///   - onStatus: called after each read of the leader row; with `nil` when Postgres is unavailable.
    init(
        store: RoutingStore, instance: String, limit: Int, timing: LeaseTiming = LeaseTiming(),
        partitionCountGuard: PartitionCountGuard, on io: IOThread, logger: Logger,
        isConnected: @escaping @Sendable () async -> Bool, publish: @escaping @Sendable (any Notice) async -> Void,
        onStatus: @escaping @Sendable (Status?) -> Void = { _ in }
    ) {
        self.io = io
        self.store = store
        self.instance = instance
        self.timing = timing
        self.partitionCountGuard = partitionCountGuard
        self.isConnected = isConnected
        self.publish = publish
        self.onStatus = onStatus
        self.logger = logger
        state = LeaderState(timing, limit: limit)
        (turns, requestTurn) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    var isLeading: Bool { state.term != nil }

    /// Receives a leader's heartbeat. Only on the I/O thread.
    nonisolated func received(_ heartbeat: RoutingPulse) {
        assumeIsolated { leader in
            let isOwn = heartbeat.instance == leader.instance
            leader.state.receivedLeaderHeartbeat(isOwn: isOwn, isCut: heartbeat.isCut, at: leader.now)
        }
    }

    /// Leader heartbeats may be missed. Only on the I/O thread.
    nonisolated func lostLeaderHeartbeats() { assumeIsolated { $0.state.lostLeaderHeartbeats(at: $0.now) } }

    /// Evaluates the members' reports without waiting for the next poll.
    nonisolated func wake() { requestTurn.yield() }

    /// - Throws: `ConfigurationError` when the deployment has another number of partitions.
    func run() async throws {
        scheduleTurn()
        requestTurn.yield()
        for await _ in turns.cancelOnGracefulShutdown() {
            if partitionCountGuard.count == nil, try await !verifyPartitionCount() { continue }
            await turn()
        }
        isStopped = true
        metrics.reset()
        if let term = state.term { try? await store.release(instance, term: term) }
    }

    private func scheduleTurn() {
        io.schedule(after: state.hasHandovers ? timing.pollDuringHandover : timing.poll) { [weak self] in
            self?.assumeIsolated { leader in
                if leader.isStopped { return }
                leader.requestTurn.yield()
                leader.scheduleTurn()
            }
        }
    }

    private func verifyPartitionCount() async throws -> Bool {
        do {
            try await partitionCountGuard.verify(with: store)
            return true
        } catch is PostgresError {
            onStatus(nil)
            return false
        }
    }

    // MARK: One turn

    private var now: Duration { origin.duration(to: .now) }

    private func turn() async {
        do {
            let isConnected = await isConnected()
            if let request = state.due(at: now, isConnected: isConnected) { try await updateLeaderRow(request) }
            // The heartbeat says that members' heartbeats arrive here, so it needs the connection.
            if isConnected, state.heartbeatIsDue(at: now) { await publish(RoutingPulse(instance: instance, isCut: false)) }
            if state.term != nil { try await lead() }
            metrics.record(state)
            recovered()
        } catch is StaleLeaderError {
            metrics.countRefusedWrite()
            state.failed(wasUnavailable: false)
            requestTurn.yield()
        } catch {
            state.failed(wasUnavailable: true)
            onStatus(nil)
            failed(error)
        }
    }

    private func updateLeaderRow(_ request: LeaderElection.RowRequest) async throws {
        let before = state.term
        switch request {
        case .renew(let term):
            if try await !store.renew(instance, term: term, for: timing.lease) { state.settled(nil, at: now) }
        case .acquire: state.settled(try await store.acquire(instance, for: timing.lease), at: now)
        }
        let leader = try await store.leader()
        onStatus(
            Status(
                isLeading: state.term != nil, leader: leader, handovers: state.table?.handovers.count ?? 0,
                unserved: state.table?.unserved))
        if before == state.term { return }
        logger.notice(
            state.term == nil ? "leadership lost" : "leadership acquired",
            metadata: ["term": "\(leader.term)", "leader": "\(leader.holder)"])
    }

    private func lead() async throws {
        if state.table == nil, let count = partitionCountGuard.count {
            state.loaded(try await store.table(partitionCount: count))
        }
        let rows = try await store.members(known: state.knownVersions)
        guard let change = state.evaluate(rows, at: now) else { return }
        try await store.write(change, by: instance)
        state.wrote(change)
        metrics.count(change)
        log(change)
        if change.after.epoch != change.before.epoch { await publish(RoutesChanged(epoch: change.after.epoch)) }
    }

    // MARK: Logs

    private func log(_ change: RoutingChange) {
        for member in change.dead {
            logger.warning("member declared dead after silence", metadata: ["instance": "\(member.id.instance)"])
        }
        logger.info(
            "partition assignment changed",
            metadata: [
                "epoch": "\(change.after.epoch)", "members": "\(change.members.count)",
                "handovers": "\(change.after.handovers.count)", "unserved": "\(change.after.unserved)",
            ])
    }

    private func failed(_ error: any Error) {
        if !isFailing { logger.warning("routing update failed", metadata: ["error": "\(error)"]) }
        isFailing = true
    }

    private func recovered() {
        if isFailing { logger.notice("routing recovered") }
        isFailing = false
    }
}
