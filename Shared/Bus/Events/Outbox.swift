import Contracts
import Foundation
import Logging
import Metrics
import Postgres
import Reactor
import ServiceLifecycle

/// Gets committed events to the broker: at once those of this process, and whatever any process left behind after two seconds.
///
/// An event is a row until the broker has confirmed it. Nothing is lost by a crash at any point; an event may come twice.
package actor Outbox: Service {
    /// Events of this process that may await the broker's answer at once; what is more waits in the table for the sweeper.
    private static let inFlightLimit = 1_024
    /// And their bytes.
    private static let inFlightBytesLimit = 32 << 20
    private static let sweepSize = 64

    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private nonisolated let io: IOThread
    private let database: PostgresPool
    private let publisher: EventPublisher
    private let logger: Logger
    private var inFlight = 0
    private var inFlightBytes = 0
    private var confirmed: [UUID] = []
    private var isDeleting = false
    private var deletionIsScheduled = false
    private let pending = Gauge(label: "martlet_outbox_pending")
    private let published = Counter(label: "martlet_outbox_published")
    private let swept = Counter(label: "martlet_outbox_swept")

    package init(_ database: PostgresPool, bus: Bus, logger: Logger) {
        (io, publisher) = (bus.publisher.io, bus.publisher)
        (self.database, self.logger) = (database, logger)
    }

    /// Publishes what the caller has just committed. Returns at once, never fails: what cannot be sent now is swept up later.
    package nonisolated func committed(_ events: [OutboxEvent]) {
        if io.isIsolatingCurrentContext() == true {
            assumeIsolated { $0.publish(events) }
        } else {
            Task(executorPreference: io) { await self.publish(events) }
        }
    }

    /// Sweeps every second until shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                await self.sweep()
            }
        }
    }

    private func publish(_ events: [OutboxEvent]) {
        for event in events where inFlight < Self.inFlightLimit && inFlightBytes < Self.inFlightBytesLimit { send(event) }
    }

    /// Whether the broker will answer.
    @discardableResult
    private func send(_ event: OutboxEvent) -> Bool {
        let (id, bytes) = (event.id.uuid, event.data.count)
        let isSent = publisher.assumeIsolated { publisher in
            publisher.send(event) { [weak self] isConfirmed in self?.assumeIsolated { $0.settle(id, bytes, isConfirmed) } }
        }
        if isSent {
            inFlight += 1
            inFlightBytes += bytes
        }
        return isSent
    }

    private func settle(_ id: UUID, _ bytes: Int, _ isConfirmed: Bool) {
        inFlight -= 1
        inFlightBytes -= bytes
        guard isConfirmed else { return }
        published.increment()
        confirmed.append(id)
        scheduleDeletion()
    }

    // MARK: Rows go once confirmed

    /// One deletion at a time; what is confirmed meanwhile goes with the next.
    private func scheduleDeletion() {
        if isDeleting || deletionIsScheduled { return }
        deletionIsScheduled = true
        io.atTurnEnd { [weak self] in
            guard let self else { return }
            Task(executorPreference: self.io) { await self.deleteConfirmed() }
        }
    }

    private func deleteConfirmed() async {
        deletionIsScheduled = false
        isDeleting = true
        while !confirmed.isEmpty {
            let ids = confirmed
            confirmed = []
            do {
                _ = try await database.execute("DELETE FROM outbox WHERE id = ANY(\(ids))")
            } catch {
                // They will be published once more by the sweeper; consumers dedupe.
                logger.notice("published events not deleted", metadata: ["count": "\(ids.count)", "error": "\(error)"])
                break
            }
        }
        isDeleting = false
    }

    // MARK: Sweeping

    /// Publishes what nobody has looked after for two seconds: left by a crash, a full window, a broker that was away.
    private func sweep() async {
        do {
            try await measure()
            while await publisher.isOpen, inFlight < Self.inFlightLimit, !Task.isCancelled {
                let events = try await claim()
                for event in events where !send(event) { return }
                swept.increment(by: events.count)
                if events.count < Self.sweepSize { return }
            }
        } catch {
            logger.notice("outbox not swept", metadata: ["error": "\(error)"])
        }
    }

    /// Rows are claimed, never "all after position n": the order of ids is not the order of commits. The claim is good for two seconds.
    private func claim() async throws -> [OutboxEvent] {
        let rows = try await database.query(
            """
            WITH claimed AS (
                SELECT id FROM outbox WHERE claimed_at < clock_timestamp() - interval '2 seconds'
                ORDER BY claimed_at LIMIT \(Self.sweepSize) FOR UPDATE SKIP LOCKED
            )
            UPDATE outbox SET claimed_at = clock_timestamp() FROM claimed WHERE outbox.id = claimed.id
            RETURNING outbox.id, type, subject, time, trace, data
            """, as: (UUID, EventType, String?, Timestamp, String?, [UInt8]).self)
        return rows.map { id, type, subject, time, trace, data in
            OutboxEvent(id: EventID(id), type: type, subject: subject, time: time, trace: trace, data: data)
        }
    }

    /// How many events wait; 10,000 stands for more.
    private func measure() async throws {
        let count = try await database.one("SELECT count(*) FROM (SELECT FROM outbox LIMIT 10000) AS waiting", as: Int64.self)
        pending.record(count)
    }
}
