import Contracts
import Logging
import Postgres
import Reactor
import ServiceKit
import ServiceLifecycle

/// Leads, or waits for its turn to: hears the members through Postgres, and moves partitions so that each has one owner and all owners have as many.
///
/// The rules are ``LeaderState``'s. Any number of instances of `config` run one of these each; the leader row lets one act.
actor Leader: Service {
    /// For people: what this instance knows of leading.
    struct Condition: Sendable {
        var isLeading: Bool
        var leader: RoutingStore.Leader
        var moving: Int
        var unserved: Int?
    }

    private let io: IOThread
    private let store: RoutingStore
    private let instance: String
    private let terms: LeaseTerms
    private let desk: PartitionCountDesk
    private let isConnected: @Sendable () async -> Bool
    private let tell: @Sendable (any Notice) async -> Void
    private let onCondition: @Sendable (Condition?) -> Void
    private let metrics = RoutingMetrics()
    private let logger: Logger

    private var state: LeaderState
    private var problem: String?
    private var closed = false
    private let asked: AsyncStream<Void>
    private let ask: AsyncStream<Void>.Continuation

    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - isConnected: whether members can be heard: to the broker, and consuming.
    ///   - tell: says that the assignment has changed, and that this instance is there; may fail silently.
    ///   - onCondition: hears how things are whenever the leader row was asked for; `nil` while Postgres is away.
    init(
        store: RoutingStore, instance: String, limit: Int, terms: LeaseTerms = LeaseTerms(), desk: PartitionCountDesk,
        on io: IOThread, logger: Logger, isConnected: @escaping @Sendable () async -> Bool,
        tell: @escaping @Sendable (any Notice) async -> Void,
        onCondition: @escaping @Sendable (Condition?) -> Void = { _ in }
    ) {
        (self.io, self.store, self.instance, self.terms, self.logger) = (io, store, instance, terms, logger)
        (self.desk, self.isConnected, self.tell, self.onCondition) = (desk, isConnected, tell, onCondition)
        state = LeaderState(terms, limit: limit)
        (asked, ask) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    var isLeading: Bool { state.term != nil }

    /// Only on the I/O thread.
    nonisolated func heard(_ pulse: RoutingPulse) {
        assumeIsolated { $0.state.heardPulse(isOwn: pulse.instance == $0.instance, isCut: pulse.isCut, at: $0.now) }
    }

    /// Pulses may be missed. Only on the I/O thread.
    nonisolated func lostPulses() { assumeIsolated { $0.state.lostPulses(at: $0.now) } }

    /// A member has said something new: looks at once.
    nonisolated func nudge() { ask.yield() }

    /// - Throws: `ConfigurationError` when the deployment has another number of partitions.
    func run() async throws {
        scheduleTick()
        ask.yield()
        for await _ in asked.cancelOnGracefulShutdown() {
            if desk.count == nil, try await !settlePartitionCount() { continue }
            await turn()
        }
        closed = true
        metrics.showNothing()
        if let term = state.term { try? await store.release(instance, term: term) }
    }

    private func scheduleTick() {
        io.schedule(after: state.isMoving ? terms.pollMoving : terms.poll) { [weak self] in
            self?.assumeIsolated { leader in
                if leader.closed { return }
                leader.ask.yield()
                leader.scheduleTick()
            }
        }
    }

    private func settlePartitionCount() async throws -> Bool {
        do { return try await desk.settle(with: store) } catch is PostgresError {
            onCondition(nil)
            return false
        }
    }

    // MARK: One turn

    /// By a clock that is never set.
    private var now: Duration { origin.duration(to: .now) }
    private let origin = ContinuousClock.now

    private func turn() async {
        do {
            let isConnected = await isConnected()
            if let asked = state.due(at: now, isConnected: isConnected) { try await settle(asked) }
            // Whoever hears it takes heartbeats to be heard here.
            if isConnected, state.pulseIsDue(at: now) { await tell(RoutingPulse(instance: instance, isCut: false)) }
            if state.term != nil { try await lead() }
            metrics.show(state)
            recovered()
        } catch is RoutingStore.Outdated {
            metrics.countRefusedWrite()
            state.failed(isBreak: false)
            ask.yield()
        } catch {
            state.failed(isBreak: true)
            onCondition(nil)
            failed(error)
        }
    }

    private func settle(_ asked: Leadership.Ask) async throws {
        let before = state.term
        switch asked {
        case .renew(let term):
            if try await !store.renew(instance, term: term, for: terms.lease) { state.settled(nil, at: now) }
        case .take: state.settled(try await store.take(instance, for: terms.lease), at: now)
        }
        let leader = try await store.leader()
        onCondition(
            Condition(
                isLeading: state.term != nil, leader: leader, moving: state.table?.handovers.count ?? 0,
                unserved: state.table?.unserved))
        if before == state.term { return }
        logger.notice(
            state.term == nil ? "another instance leads now" : "leading now",
            metadata: ["term": "\(leader.term)", "leader": "\(leader.holder)"])
    }

    private func lead() async throws {
        if state.table == nil, let count = desk.count { state.loaded(try await store.table(partitionCount: count)) }
        let sightings = try await store.sightings(known: state.known)
        guard let change = state.heard(sightings, at: now) else { return }
        try await store.write(change, by: instance)
        state.wrote(change)
        metrics.count(change)
        log(change)
        if change.after.epoch != change.before.epoch { await tell(RoutesChanged(epoch: change.after.epoch)) }
    }

    // MARK: Saying

    private func log(_ change: LeaderState.Change) {
        for pulse in change.dead {
            logger.warning("a member is silent and taken for dead", metadata: ["instance": "\(pulse.id.instance)"])
        }
        logger.info(
            "assignment changed",
            metadata: [
                "epoch": "\(change.after.epoch)", "members": "\(change.members.count)",
                "moving": "\(change.after.handovers.count)", "unserved": "\(change.after.unserved)",
            ])
    }

    private func failed(_ error: any Error) {
        if problem == nil { logger.warning("routing cannot be looked after", metadata: ["error": "\(error)"]) }
        problem = "\(error)"
    }

    private func recovered() {
        if problem != nil { logger.notice("routing is looked after again") }
        problem = nil
    }
}
