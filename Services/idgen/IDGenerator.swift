import Contracts
import Logging
import Reactor
import ServiceLifecycle

/// Issues ids under a lease that it keeps ahead of need.
///
/// Only ``run()`` speaks to the store; whoever meets the mark asks it to, and waits for its next round. Before the first lease, and after ``run()`` has
/// returned, ids are refused.
actor IDGenerator: Service {
    /// Why ids are issued, or are not.
    enum Condition: Equatable {
        case issuing(generator: Int64)
        case noLease(String)
        case clockBehind(milliseconds: Int64)
    }

    private let io: IOThread
    private let store: any LeaseStore
    private let holder: String
    private let terms: LeaseTerms
    private let now: @Sendable () -> Int64
    private let sleep: @Sendable (Duration) async throws -> Void
    private let logger: Logger
    private let onCondition: @Sendable (Condition) -> Void

    private var lease: GeneratorLease?
    private var sequence: IDSequence?
    private var problem = "starting"
    private var closed = false
    private var waiters: [CheckedContinuation<Void, Never>] = []
    private let asked: AsyncStream<Void>
    private let ask: AsyncStream<Void>.Continuation

    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - holder: for people: who holds the lease.
    ///   - now: milliseconds since 2024-01-01T00:00:00Z; may step back, as wall clocks do.
    ///   - onCondition: hears every second, at least, whether ids are issued.
    init(
        store: any LeaseStore, holder: String, terms: LeaseTerms = .standard, on io: IOThread, logger: Logger,
        onCondition: @escaping @Sendable (Condition) -> Void = { _ in },
        now: @escaping @Sendable () -> Int64 = WallClock.now,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        (self.io, self.store, self.holder, self.terms, self.logger) = (io, store, holder, terms, logger)
        (self.onCondition, self.now, self.sleep) = (onCondition, now, sleep)
        (asked, ask) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Why ids are issued now, or are not: this service's own readiness.
    var condition: Condition {
        guard let lease, let sequence else { return .noLease(problem) }
        let behind = sequence.latest - now()
        return behind > IDSequence.patience ? .clockBehind(milliseconds: behind) : .issuing(generator: lease.number)
    }

    // MARK: Issuing

    /// Rounds of waiting for the clock or for the lease that one call may cost.
    private static let patience = 8

    /// - Parameter count: 1…4,096.
    /// - Returns: as many ids, ascending, never issued before and never again.
    /// - Throws: ``ServiceError``: `invalid` count; `unavailable` without a lease, or when the clock was set back by more than a second. Nothing is lost then but ids.
    func next(_ count: Int) async throws -> [Int64] {
        guard (1...4_096).contains(count) else { throw ServiceError.invalid("count", "must be 1 to 4,096") }
        var ids: [Int64] = []
        ids.reserveCapacity(count)
        for _ in 0..<Self.patience {
            let fence = lease?.fence
            switch sequence?.take(count, at: now(), into: &ids) ?? .renew {
            case .done: return ids
            case .wait(let milliseconds): try await sleep(.milliseconds(milliseconds))
            case .renew: try await renewed()
            case .refuse(let behind): throw refusal("the clock is \(behind) ms behind ids already issued")
            }
            // Ids of two generators would not ascend.
            if lease?.fence != fence { ids.removeAll(keepingCapacity: true) }
        }
        throw refusal("too many ids are asked for at once")
    }

    /// Returns after a round of renewal that began after the call.
    private func renewed() async throws {
        if closed { throw refusal("stopping") }
        ask.yield()
        await withCheckedContinuation { waiters.append($0) }
        if sequence == nil { throw refusal(problem) }
    }

    private func refusal(_ why: String) -> ServiceError {
        ServiceError(.unavailable, "no ids: \(why)", retryAfterMilliseconds: 1_000)
    }

    // MARK: The lease

    /// Takes a lease and keeps it until shutdown, then gives it back for the next holder to begin at once.
    func run() async throws {
        scheduleTick()
        ask.yield()
        for await _ in asked.cancelOnGracefulShutdown() {
            let waiting = waiters
            waiters = []
            await renew()
            onCondition(condition)
            for waiter in waiting { waiter.resume() }
        }
        closed = true
        for waiter in waiters { waiter.resume() }
        waiters = []
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

    private func renew() async {
        do {
            if let lease { try await raise(lease) }
            if lease == nil { try await take() }
        } catch {
            problem = "the lease could not be asked for in Postgres"
            logger.warning("lease not renewed", metadata: ["error": "\(error)", "mark": "\(lease?.mark ?? 0)"])
        }
    }

    private func raise(_ held: GeneratorLease) async throws {
        let now = now()
        guard terms.needsRenewal(mark: held.mark, at: now) else { return }
        let mark = terms.mark(at: now)
        if try await store.raise(held, to: mark) {
            lease?.mark = max(held.mark, mark)
            sequence?.raise(mark: mark)
        } else {
            logger.warning("lease lost to another holder", metadata: ["generator": "\(held.number)", "fence": "\(held.fence)"])
            (lease, sequence) = (nil, nil)
        }
    }

    private func take() async throws {
        let now = now()
        guard let taken = try await store.take(holder: holder, now: now, mark: terms.mark(at: now)) else {
            problem = "every generator number is taken, or the clock is behind all of them"
            logger.error("no generator number is free", metadata: ["now": "\(now)"])
            return
        }
        lease = taken
        sequence = IDSequence(generator: taken.number, first: taken.first, mark: taken.mark)
        logger.info(
            "lease taken", metadata: ["generator": "\(taken.number)", "fence": "\(taken.fence)", "first": "\(taken.first)"])
    }

    private func giveBack() async {
        guard let held = lease, let used = sequence else { return }
        (lease, sequence, problem) = (nil, nil, "stopping")
        do {
            try await store.release(held, at: used.latest + 1)
        } catch {
            logger.notice("lease not given back: its number is free once its mark has passed", metadata: ["error": "\(error)"])
        }
    }
}
