import Contracts
import Logging
import Reactor
import ServiceLifecycle

/// Issues ids under a lease that it keeps ahead of need.
///
/// Callers stand in one line and are served in the order they asked, so that nobody starves however many there are. Only ``run()`` speaks to the store; whoever
/// meets the mark asks it to, and waits for its next round. Before the first lease, and after ``run()`` has returned, ids are refused.
actor IDGenerator: Service {
    /// Why ids are issued, or are not.
    enum Condition: Equatable {
        case issuing(generator: Int64)
        case noLease(String)
        case clockBehind(milliseconds: Int64)
    }

    /// Calls a body once so much time has passed, on the I/O thread.
    typealias Timer = @Sendable (Duration, @escaping @Sendable () -> Void) -> Void

    private let io: IOThread
    private let store: any LeaseStore
    private let holder: String
    private let now: @Sendable () -> Int64
    private let after: Timer
    private let logger: Logger
    private let onCondition: @Sendable (Condition) -> Void

    private var keeper: LeaseKeeper
    /// Why the last round of renewal failed, if it did.
    private var problem: String?
    private var rounds = (begun: 0, ended: 0)
    private var closed = false
    private var line = NeedLine<CheckedContinuation<[NextIDs.Run], any Error>>()
    private var lastTicket: UInt64 = 0
    /// A timer is set for the clock to come.
    private var isWaiting = false
    private let asked: AsyncStream<Void>
    private let ask: AsyncStream<Void>.Continuation

    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - holder: for people: who holds the lease.
    ///   - now: milliseconds since 2024-01-01T00:00:00Z; may step back, as wall clocks do.
    ///   - after: the I/O thread's timers unless given.
    ///   - onCondition: hears every second, at least, whether ids are issued.
    init(
        store: any LeaseStore, holder: String, terms: LeaseTerms = .standard, on io: IOThread, logger: Logger,
        onCondition: @escaping @Sendable (Condition) -> Void = { _ in },
        now: @escaping @Sendable () -> Int64 = WallClock.now, after: Timer? = nil
    ) {
        (self.io, self.store, self.holder, self.logger) = (io, store, holder, logger)
        keeper = LeaseKeeper(terms: terms)
        (self.onCondition, self.now) = (onCondition, now)
        self.after = after ?? { io.schedule(after: $0, $1) }
        (asked, ask) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Why ids are issued now, or are not: this service's own readiness.
    var condition: Condition {
        guard let lease = keeper.lease, let sequence = keeper.sequence else { return .noLease(problem ?? "starting") }
        return switch sequence.obstacle(at: now()) {
        case .refuse(let behind): .clockBehind(milliseconds: behind)
        case .renew: .noLease(problem ?? "the lease has run out")
        case .tooLate: .noLease(Self.tooLate)
        case .wait, .done, nil: .issuing(generator: lease.number)
        }
    }

    // MARK: Issuing

    /// Who may stand in line: at 4,096 ids each this is a second's worth.
    private static let waitingLimit = 1_000

    /// - Parameter count: 1…4,096.
    /// - Returns: as many ids, ascending, never issued before and never again.
    /// - Throws: ``ServiceError``: `invalid` count; `unavailable` without a lease, when the clock was set back by more than a second, or when too many wait
    ///   already; `CancellationError`. Nothing is lost then but ids.
    func next(_ count: Int) async throws -> [NextIDs.Run] {
        guard (1...NextIDs.mostAtOnce).contains(count) else { throw ServiceError.invalid("count", "must be 1 to 4,096") }
        if closed { throw refusal("stopping") }
        guard line.count < Self.waitingLimit else { throw refusal("too many are asked for at once") }
        lastTicket += 1
        let ticket = lastTicket
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                if Task.isCancelled { return waiter.resume(throwing: CancellationError()) }
                line.add(.init(ticket: ticket, batch: IDBatch(count), round: rounds.begun, waiter: waiter))
                serve()
            }
        } onCancel: {
            Task(executorPreference: io) { await self.leave(ticket) }
        }
    }

    /// Those who wait for ids now.
    var waiting: Int { line.count }

    private func leave(_ ticket: UInt64) { line.remove(ticket)?.waiter.resume(throwing: CancellationError()) }

    /// Serves those who wait, one after the other, until something stands in the way.
    private func serve() {
        while let need = line.first {
            switch step() {
            case .done:
                let served = line.takeFirst()
                served.waiter.resume(returning: served.batch.runs)
            case .wait(let milliseconds): return wait(milliseconds)
            // A round that began after it asked could not help it; an earlier one says nothing.
            case .renew where need.round < rounds.ended: fail(problem ?? "the lease has run out")
            case .renew:
                ask.yield()
                return
            case .refuse(let behind): fail("the clock is \(behind) ms behind ids already issued")
            case .tooLate: fail(Self.tooLate)
            }
        }
    }

    private func step() -> IDSequence.Step {
        let now = now()
        return keeper.issue { line.fillFirst(from: &$0, at: now) }
    }

    private func wait(_ milliseconds: Int64) {
        if isWaiting { return }
        isWaiting = true
        after(.milliseconds(milliseconds)) { [weak self] in self?.assumeIsolated { $0.goOn() } }
    }

    private func goOn() {
        isWaiting = false
        serve()
    }

    private func fail(_ why: String) { line.takeFirst().waiter.resume(throwing: refusal(why)) }

    private func refusal(_ why: String) -> ServiceError {
        ServiceError(.unavailable, "no ids: \(why)", retryAfterMilliseconds: 1_000)
    }

    private static let tooLate = "the clock is past what an id can hold"

    // MARK: The lease

    /// Takes a lease and keeps it until shutdown, then gives it back for the next holder to begin at once.
    func run() async throws {
        scheduleTick()
        ask.yield()
        for await _ in asked.cancelOnGracefulShutdown() {
            rounds.begun += 1
            await renew()
            rounds.ended = rounds.begun
            serve()
            onCondition(condition)
        }
        closed = true
        for need in line.removeAll() { need.waiter.resume(throwing: refusal("stopping")) }
        await giveBack()
    }

    /// Looks after the lease every second, for ever: it costs nothing, and the actor lives as long as the process.
    private func scheduleTick() {
        io.schedule(after: .seconds(1)) { [weak self] in
            self?.assumeIsolated { generator in
                if generator.closed { return }
                generator.ask.yield()
                generator.scheduleTick()
            }
        }
    }

    private struct NoLease: Error {
        let why: String
    }

    /// Logs that renewal begins to fail and that it succeeds again, not every try.
    private func renew() async {
        let before = problem
        do {
            if let lease = keeper.lease { try await raise(lease) }
            if keeper.lease == nil { try await take() }
            problem = nil
            if before != nil { logger.notice("the lease is renewed again") }
        } catch {
            let now = (error as? NoLease)?.why ?? "the lease could not be asked for in Postgres"
            problem = now
            if before == now { return }
            logger.warning(
                "lease not renewed", metadata: ["reason": "\(now)", "error": "\(error)", "mark": "\(keeper.lease?.mark ?? 0)"])
        }
    }

    private func raise(_ held: GeneratorLease) async throws {
        guard let mark = keeper.dueMark(at: now()) else { return }
        let isOurs = try await store.raise(held, to: mark)
        keeper.raised(to: mark, isOurs: isOurs)
        if isOurs { return }
        logger.warning("lease lost to another holder", metadata: ["generator": "\(held.number)", "fence": "\(held.fence)"])
    }

    private func take() async throws {
        let now = now()
        if now >= IDSequence.end { throw NoLease(why: Self.tooLate) }
        guard let taken = try await store.take(holder: holder, now: now, mark: keeper.terms.mark(at: now)) else {
            throw NoLease(why: "every generator number is taken, or the clock is behind all of them")
        }
        keeper.took(taken)
        line.restartFirst()
        logger.info(
            "lease taken", metadata: ["generator": "\(taken.number)", "fence": "\(taken.fence)", "first": "\(taken.first)"])
    }

    private func giveBack() async {
        guard let (held, mark) = keeper.giveBack() else { return }
        problem = "stopping"
        do {
            try await store.release(held, at: mark)
        } catch {
            logger.notice("lease not given back: its number is free once its mark has passed", metadata: ["error": "\(error)"])
        }
    }
}
