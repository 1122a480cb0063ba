import AMQP
import Contracts
import Logging
import Metrics
import Postgres
import Reactor
import ServiceLifecycle
import Synchronization

/// Publishes what the transactions of this service have put into the table `outbox`: at once by the process that committed, and by a sweeper if that one could
/// not. At least once, in no order, whatever is killed when.
///
/// As a service it sweeps: run it after the pool and the bus.
package actor Outbox: Service {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    /// Published rows are removed together, this long after the first of them.
    private static let removalDelay: Duration = .milliseconds(10)
    private static let sweepEvery: Duration = .seconds(1)

    nonisolated let io: IOThread
    private let facts: EventPublisher
    private let store: OutboxStore
    let logger: Logger
    private let noteLeft = Mutex<(@Sendable ([OutboxEvent]) async -> Void)?>(nil)
    nonisolated let forwarding = Mutex(OutboxForwarding())
    var line: OutboxState
    /// Events that wait to be forwarded; at most as many as ``line`` holds.
    var unforwarded: [OutboxEvent] = []
    var forwardsInProgress = 0
    private var removalIsScheduled = false
    private var idle: [CheckedContinuation<Void, Never>] = []
    /// As large as keeps one claim at a few megabytes.
    private var claimSize = 64
    private let pending = Gauge(label: "martlet_outbox_pending")
    private let published = Counter(label: "martlet_outbox_published")
    private let failures = Counter(label: "martlet_outbox_failures")

    package init(_ pool: PostgresPool, bus: Bus, logger: Logger) {
        self.init(pool, bus: bus, bounds: .init(), logger: logger)
    }

    init(_ pool: PostgresPool, bus: Bus, bounds: OutboxState.Bounds, logger: Logger) {
        (facts, io) = (bus.facts, bus.io)
        store = OutboxStore(pool: pool)
        line = OutboxState(bounds)
        self.logger = logger
        bus.add(self)
    }

    // MARK: Right after the commit

    /// Publishes rows that were just committed, without reading them again. Returns at once; what cannot be published now is left to the sweeper.
    package nonisolated func committed(_ events: [OutboxEvent]) {
        if io.isCurrent {
            assumeIsolated { $0.publish(events) }
        } else {
            Task(executorPreference: io) { await self.publish(events) }
        }
    }

    private func publish(_ events: [OutboxEvent]) {
        let toForward = line.add(events, forwarded: forwarding.withLock(\.types))
        pump()
        forward(toForward)
    }

    private func pump() {
        while let event = line.next() {
            let id = event.id
            let error = facts.send(event) { [weak self] outcome in self?.assumeIsolated { $0.settle(id, outcome) } }
            if error != nil {
                line.failed(id)
                line.giveUpWaiting()
                return noteIdle()
            }
        }
    }

    private func settle(_ id: EventID, _ outcome: AMQPOutcome) {
        if case .confirmed = outcome {
            published.increment()
            line.confirmed(id)
            if line.hasConfirmed { scheduleRemoval() }
        } else {
            failures.increment()
            line.failed(id)
        }
        pump()
        noteIdle()
    }

    // MARK: Removing what is published

    func scheduleRemoval() {
        if removalIsScheduled { return }
        removalIsScheduled = true
        io.schedule(after: Self.removalDelay) { [weak self] in self?.assumeIsolated { $0.beginRemoval() } }
    }

    private func beginRemoval() {
        removalIsScheduled = false
        guard let ids = line.takeForRemoval() else { return }
        Task(executorPreference: io) { await self.remove(ids) }
    }

    private func remove(_ ids: [EventID]) async {
        do {
            try await store.remove(ids)
            line.removed()
            beginRemoval()
        } catch {
            logger.warning("published events stay in the outbox for now", metadata: ["error": "\(error)"])
            line.notRemoved(ids)
            io.schedule(after: Self.sweepEvery) { [weak self] in self?.assumeIsolated { $0.beginRemoval() } }
        }
        noteIdle()
    }

    // MARK: Sweeping

    /// Has `note` done with the facts that a sweep has found, before they are published: whoever left them may have left undone what it does after a commit.
    /// Before it runs.
    package nonisolated func beforeSweeping(_ note: @escaping @Sendable ([OutboxEvent]) async -> Void) {
        noteLeft.withLock { $0 = note }
    }

    /// Sweeps until shutdown.
    package func run() async throws {
        try? await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                let mayHaveMore = await sweep()
                if !mayHaveMore { try await Task.sleep(for: Self.sweepEvery * Double.random(in: 0.8...1.2)) }
            }
        }
    }

    /// Publishes what others have left; whether there may be more.
    func sweep() async -> Bool {
        do {
            pending.record(try await store.count())
            guard facts.isOpenNow, line.room > 0 else { return false }
            let limit = min(claimSize, line.room)
            let events = try await store.claim(atMost: limit)
            adjustClaim(events)
            if let note = noteLeft.withLock({ $0 }), !events.isEmpty { await note(events) }
            publish(events)
            if !events.isEmpty { logger.info("published what was left in the outbox", metadata: ["events": "\(events.count)"]) }
            return events.count == limit
        } catch {
            logger.warning("the outbox cannot be swept", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func adjustClaim(_ events: [OutboxEvent]) {
        guard !events.isEmpty else { return }
        let average = max(1, events.reduce(0) { $0 + $1.data.count } / events.count)
        claimSize = min(256, max(4, (4 << 20) / average))
    }

    // MARK: The end

    /// Returns when everything that was committed here is published and removed, or `limit` has passed. The bus asks for it before it disconnects.
    func drain(atMost limit: Duration) async {
        let timer = io.schedule(after: limit) { [weak self] in self?.assumeIsolated { $0.resumeIdle() } }
        await withCheckedContinuation { waiter in
            if line.isIdle { waiter.resume() } else { idle.append(waiter) }
        }
        io.cancel(timer)
    }

    func noteIdle() {
        if line.isIdle { resumeIdle() }
    }

    private func resumeIdle() {
        let waiting = idle
        idle = []
        for continuation in waiting { continuation.resume() }
    }
}
