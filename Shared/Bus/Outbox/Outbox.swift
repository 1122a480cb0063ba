import AMQP
import Contracts
import Logging
import Metrics
import Postgres
import Reactor
import ServiceLifecycle
import Synchronization

/// Publishes the events that the transactions of this service put into the table `outbox`: at least once, in
/// no particular order, also after crashes.
///
/// The committing process publishes an event at once. What it cannot publish is left to the sweeper, which is
/// this type as a service. Run it after the pool and the bus.
package actor Outbox: Service {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    /// The time for which published rows are collected before they are removed together.
    private static let removalDelay: Duration = .milliseconds(10)
    private static let sweepInterval: Duration = .seconds(1)

    nonisolated let io: IOThread
    private let publisher: EventPublisher
    private let store: OutboxStore
    let logger: Logger
    private let prepareSwept = Mutex<(@Sendable ([OutboxEvent]) async -> Void)?>(nil)
    nonisolated let forwarding = Mutex(OutboxForwarding())
    var state: OutboxState
    /// Events that wait to be forwarded; at most as many as ``state`` holds.
    var unforwarded: [OutboxEvent] = []
    var forwardsInProgress = 0
    private var removalIsScheduled = false
    private var idle: [CheckedContinuation<Void, Never>] = []
    /// The number of rows per claim, adjusted so that one claim has a few megabytes.
    private var claimSize = 64
    private let pending = Gauge(label: "martlet_outbox_pending")
    private let published = Counter(label: "martlet_outbox_published")
    private let failures = Counter(label: "martlet_outbox_failures")

    package init(_ pool: PostgresPool, bus: Bus, logger: Logger) {
        self.init(pool, bus: bus, bounds: .init(), logger: logger)
    }

    init(_ pool: PostgresPool, bus: Bus, bounds: OutboxState.Bounds, logger: Logger) {
        publisher = bus.publisher
        io = bus.io
        store = OutboxStore(pool: pool)
        state = OutboxState(bounds)
        self.logger = logger
        bus.add(self)
    }

    // MARK: Publishing after the commit

    /// Publishes rows that were just committed, without reading them again. Returns at once. What cannot be
    /// published now is left to the sweeper.
    package nonisolated func committed(_ events: [OutboxEvent]) {
        if io.isCurrent {
            assumeIsolated { $0.publish(events) }
        } else {
            io.post { self.assumeIsolated { $0.publish(events) } }
        }
    }

    private func publish(_ events: [OutboxEvent]) {
        let toForward = state.add(events, forwarded: forwarding.withLock(\.types))
        pump()
        forward(toForward)
    }

    private func pump() {
        while let event = state.next() {
            let id = event.id
            let error = publisher.send(event) { [weak self] outcome in self?.assumeIsolated { $0.settle(id, outcome) } }
            if error != nil {
                state.failed(id)
                state.giveUpWaiting()
                return resumeIfIdle()
            }
        }
    }

    private func settle(_ id: EventID, _ outcome: AMQPOutcome) {
        if case .confirmed = outcome {
            published.increment()
            state.confirmed(id)
            if state.hasConfirmed { scheduleRemoval() }
        } else {
            failures.increment()
            state.failed(id)
        }
        pump()
        resumeIfIdle()
    }

    // MARK: Removing published rows

    func scheduleRemoval() {
        if removalIsScheduled { return }
        removalIsScheduled = true
        io.schedule(after: Self.removalDelay) { [weak self] in self?.assumeIsolated { $0.beginRemoval() } }
    }

    private func beginRemoval() {
        removalIsScheduled = false
        guard let ids = state.startRemoval() else { return }
        Task(executorPreference: io) { await self.remove(ids) }
    }

    private func remove(_ ids: [EventID]) async {
        do {
            try await store.remove(ids)
            state.removed()
            beginRemoval()
        } catch {
            logger.warning("published events were not removed from the outbox", metadata: ["error": "\(error)"])
            state.notRemoved(ids)
            io.schedule(after: Self.sweepInterval) { [weak self] in self?.assumeIsolated { $0.beginRemoval() } }
        }
        resumeIfIdle()
    }

    // MARK: Sweeping

    /// Calls `prepare` with the events that a sweep has claimed, before they are published. Before it runs.
    ///
    /// The process that committed them may have ended before the work that follows a commit, such as
    /// invalidating caches.
    package nonisolated func beforeSweeping(_ prepare: @escaping @Sendable ([OutboxEvent]) async -> Void) {
        prepareSwept.withLock { $0 = prepare }
    }

    /// Sweeps until shutdown.
    package func run() async throws {
        try? await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                let mayHaveMore = await sweep()
                if !mayHaveMore { try await Task.sleep(for: Self.sweepInterval * Double.random(in: 0.8...1.2)) }
            }
        }
    }

    /// Publishes the rows that no process has published.
    ///
    /// - Returns: whether there may be more.
    func sweep() async -> Bool {
        do {
            pending.record(try await store.count())
            guard publisher.isOpenNow, state.room > 0 else { return false }
            let limit = min(claimSize, state.room)
            let events = try await store.claim(atMost: limit)
            adjustClaim(events)
            if let prepare = prepareSwept.withLock({ $0 }), !events.isEmpty { await prepare(events) }
            publish(events)
            if !events.isEmpty { logger.info("events were swept from the outbox", metadata: ["events": "\(events.count)"]) }
            return events.count == limit
        } catch {
            logger.warning("the outbox was not swept", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func adjustClaim(_ events: [OutboxEvent]) {
        guard !events.isEmpty else { return }
        let average = max(1, events.reduce(0) { $0 + $1.data.count } / events.count)
        claimSize = min(256, max(4, (4 << 20) / average))
    }

    // MARK: Shutdown

    /// Returns when all events committed by this process are published and removed, or when `limit` has
    /// passed. The bus calls it before it disconnects.
    func drain(atMost limit: Duration) async {
        let timer = io.schedule(after: limit) { [weak self] in self?.assumeIsolated { $0.resumeIdle() } }
        await withCheckedContinuation { waiter in
            if state.isIdle { waiter.resume() } else { idle.append(waiter) }
        }
        io.cancel(timer)
    }

    func resumeIfIdle() {
        if state.isIdle { resumeIdle() }
    }

    private func resumeIdle() {
        let waiting = idle
        idle = []
        for continuation in waiting { continuation.resume() }
    }
}
