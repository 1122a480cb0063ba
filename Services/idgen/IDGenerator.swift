import Contracts
import Logging
import Reactor
import ServiceLifecycle

/// Issues ids under a lease that it renews ahead of need.
///
/// Requests wait in one queue and are served in order of arrival, so that none starves. Only ``run()`` calls
/// the store. A request that reaches the mark asks it for a renewal and waits for the next round. Before the
/// first lease, and after ``run()`` has returned, requests are refused.
actor IDGenerator: Service {
    /// Whether ids are issued, and if not, why.
    enum Condition: Equatable {
        case issuing(generator: Int64)
        case noLease(String)
        case clockBehind(milliseconds: Int64)
    }

    /// Calls a body after a duration, on the I/O thread.
    typealias Timer = @Sendable (Duration, @escaping @Sendable () -> Void) -> Void

    private let io: IOThread
    private let store: any LeaseStore
    private let holder: String
    private let now: @Sendable () -> Int64
    private let after: Timer
    private let logger: Logger
    private let onCondition: @Sendable (Condition) -> Void

    private var keeper: LeaseKeeper
    /// The reason why the last round of renewal failed; `nil` if it succeeded.
    private var problem: String?
    private var roundsStarted = 0
    private var roundsFinished = 0
    private var isClosed = false
    private var requests = IDRequestQueue<CheckedContinuation<[NextIDs.Run], any Error>>()
    private var lastTicket: UInt64 = 0
    /// Whether a timer is set that waits for the clock.
    private var isWaitingForClock = false
    /// One element per round of renewal, at most one ahead.
    private let renewals: AsyncStream<Void>
    private let renewalTrigger: AsyncStream<Void>.Continuation

    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - holder: the name of this holder in the lease table, for operators.
    ///   - now: milliseconds since 2024-01-01T00:00:00Z; may step back, as wall clocks do.
    ///   - after: the timers; those of the I/O thread unless given.
    ///   - onCondition: receives the condition after every round of renewal, at least once per second.
    init(
        store: any LeaseStore, holder: String, terms: LeaseTerms = .standard, on io: IOThread, logger: Logger,
        onCondition: @escaping @Sendable (Condition) -> Void = { _ in },
        now: @escaping @Sendable () -> Int64 = WallClock.now, after: Timer? = nil
    ) {
        self.io = io
        self.store = store
        self.holder = holder
        self.logger = logger
        self.onCondition = onCondition
        self.now = now
        self.after = after ?? { io.schedule(after: $0, $1) }
        keeper = LeaseKeeper(terms: terms)
        (renewals, renewalTrigger) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// The present condition, which is this service's readiness.
    var condition: Condition {
        guard let lease = keeper.lease, let sequence = keeper.sequence else { return .noLease(problem ?? "starting") }
        return switch sequence.obstacle(at: now()) {
        case .refuse(let behind): .clockBehind(milliseconds: behind)
        case .renew: .noLease(problem ?? "the lease has expired")
        case .tooLate: .noLease(Self.clockTooLate)
        case .wait, .done, nil: .issuing(generator: lease.number)
        }
    }

    // MARK: Issuing

    /// The largest number of waiting requests. At 4,096 ids each, serving them takes one second.
    private static let waitingLimit = 1_000

    /// Issues `count` ids.
    ///
    /// After an error or a cancellation, ids that were issued already stay unused.
    ///
    /// - Parameter count: 1…4,096.
    /// - Returns: `count` ids, ascending, each issued only once.
    /// - Throws: ``ServiceError``: `invalid` for another count; `unavailable` without a lease, after the
    ///   clock was set back by more than a second, or if too many requests wait; `CancellationError`.
    func next(_ count: Int) async throws -> [NextIDs.Run] {
        guard (1...NextIDs.mostAtOnce).contains(count) else { throw ServiceError.invalid("count", "must be 1 to 4,096") }
        if isClosed { throw Self.unavailable }
        guard requests.count < Self.waitingLimit else { throw Self.overloaded }
        lastTicket += 1
        let ticket = lastTicket
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                if Task.isCancelled { return waiter.resume(throwing: CancellationError()) }
                requests.add(IDRequest(ticket: ticket, batch: IDBatch(count), round: roundsStarted, waiter: waiter))
                serve()
            }
        } onCancel: {
            io.post { self.assumeIsolated { $0.cancel(ticket) } }
        }
    }

    /// The number of requests that wait for ids.
    var waiting: Int { requests.count }

    private func cancel(_ ticket: UInt64) { requests.remove(ticket)?.waiter.resume(throwing: CancellationError()) }

    /// Serves the waiting requests in order until the next id cannot be issued.
    private func serve() {
        while let request = requests.first {
            switch step() {
            case .done:
                let served = requests.removeFirst()
                served.waiter.resume(returning: served.batch.runs)
            case .wait(let milliseconds): return wait(milliseconds)
            // A round that started after the request has failed. An earlier round proves nothing.
            case .renew where request.round < roundsFinished: refuseFirst()
            case .renew:
                renewalTrigger.yield()
                return
            case .refuse, .tooLate: refuseFirst()
            }
        }
    }

    private func step() -> IDSequence.Step {
        let now = now()
        return keeper.issue { requests.fillFirst(from: &$0, at: now) }
    }

    private func wait(_ milliseconds: Int64) {
        if isWaitingForClock { return }
        isWaitingForClock = true
        after(.milliseconds(milliseconds)) { [weak self] in self?.assumeIsolated { $0.clockAdvanced() } }
    }

    private func clockAdvanced() {
        isWaitingForClock = false
        serve()
    }

    private func refuseFirst() { requests.removeFirst().waiter.resume(throwing: Self.unavailable) }

    private static let unavailable = ServiceError(
        .unavailable, "no ids are available now; try again", retryAfterMilliseconds: 1_000)
    private static let overloaded = ServiceError(
        .unavailable, "too many ids are requested; try again", retryAfterMilliseconds: 1_000)
    private static let clockTooLate = "the clock is past the last time that an id can hold"

    // MARK: The lease

    /// Acquires a lease and keeps it until shutdown, then releases it, so that the next holder can begin at
    /// once.
    func run() async throws {
        scheduleTick()
        renewalTrigger.yield()
        for await _ in renewals.cancelOnGracefulShutdown() {
            roundsStarted += 1
            await maintainLease()
            roundsFinished = roundsStarted
            serve()
            onCondition(condition)
        }
        isClosed = true
        for request in requests.removeAll() { request.waiter.resume(throwing: Self.unavailable) }
        await releaseLease()
    }

    /// Starts a round of renewal every second until ``run()`` ends.
    private func scheduleTick() {
        io.schedule(after: .seconds(1)) { [weak self] in
            self?.assumeIsolated { generator in
                if generator.isClosed { return }
                generator.renewalTrigger.yield()
                generator.scheduleTick()
            }
        }
    }

    private struct NoLease: Error {
        let reason: String
    }

    /// Renews or acquires the lease. Logs the first failure and the recovery, not every attempt.
    private func maintainLease() async {
        let before = problem
        do {
            if let lease = keeper.lease { try await renew(lease) }
            if keeper.lease == nil { try await acquire() }
            problem = nil
            if before != nil { logger.notice("lease renewal recovered") }
        } catch {
            let reason = (error as? NoLease)?.reason ?? "the lease could not be renewed in Postgres"
            problem = reason
            if before == reason { return }
            logger.warning(
                "lease not renewed",
                metadata: ["reason": "\(reason)", "error": "\(error)", "mark": "\(keeper.lease?.mark ?? 0)"])
        }
    }

    private func renew(_ held: GeneratorLease) async throws {
        guard let mark = keeper.dueMark(at: now()) else { return }
        let isOurs = try await store.renew(held, to: mark)
        keeper.leaseRenewed(to: mark, isOurs: isOurs)
        if isOurs { return }
        logger.warning("lease lost to another holder", metadata: ["generator": "\(held.number)", "fence": "\(held.fence)"])
    }

    private func acquire() async throws {
        let now = now()
        if now >= IDSequence.end { throw NoLease(reason: Self.clockTooLate) }
        guard let lease = try await store.acquire(holder: holder, now: now, mark: keeper.terms.mark(at: now)) else {
            throw NoLease(reason: "every generator number is leased, or the clock is behind the marks of all")
        }
        keeper.leaseGranted(lease)
        requests.restartFirst()
        logger.info(
            "lease acquired", metadata: ["generator": "\(lease.number)", "fence": "\(lease.fence)", "first": "\(lease.first)"])
    }

    private func releaseLease() async {
        guard let (held, mark) = keeper.release() else { return }
        problem = "stopping"
        do {
            try await store.release(held, at: mark)
        } catch {
            // The number becomes free once its mark has passed.
            logger.notice("lease not released", metadata: ["error": "\(error)"])
        }
    }
}
