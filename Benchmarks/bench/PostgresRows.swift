import Foundation
import Postgres
import Reactor
import ServiceKit

/// Rows of about 200 bytes, each caller waiting for the commit of its own; the same row as in `baselines/row.sql`.
enum Rows {
    struct Row: Sendable {
        let chat, id, sender: Int64
        let body = Rows.body

        init(_ number: Int) {
            var scattered = Scattered(number)
            (chat, id, sender) = (scattered.next(upTo: 50), scattered.next(upTo: 1 << 62), scattered.next(upTo: 1_000))
        }
    }

    fileprivate static let body = String(repeating: "x", count: 200)

    static func measure(_ kit: Kit, _ load: Load) async throws -> Measured {
        let database = try kit.postgres()
        let batcher = RowBatcher(database, on: kit.io)
        return try await kit.job([database]) {
            await database.ready()
            return try await load.run { number in try await batcher.store(Row(number)) }
        }
    }
}

/// Gathers rows as the service `chats` gathers sends: those of one turn leave at its end while fewer than two batches are out, else they collect.
actor RowBatcher {
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private typealias Waiting = (row: Rows.Row, caller: CheckedContinuation<Void, any Error>)

    private let database: PostgresPool
    private let io: IOThread
    private var waiting: [Waiting] = []
    private var batchesOut = 0
    private var flushIsScheduled = false

    init(_ database: PostgresPool, on io: IOThread) { (self.database, self.io) = (database, io) }

    func store(_ row: Rows.Row) async throws {
        try await withCheckedThrowingContinuation { caller in
            waiting.append((row, caller))
            scheduleFlush()
        }
    }

    private func scheduleFlush() {
        if flushIsScheduled { return }
        flushIsScheduled = true
        io.atTurnEnd { self.assumeIsolated { $0.flush() } }
    }

    private func flush() {
        flushIsScheduled = false
        guard batchesOut < 2, !waiting.isEmpty else { return }
        let batch = waiting.prefix(256)
        waiting.removeFirst(batch.count)
        batchesOut += 1
        Task(executorPreference: io) { await self.commit(Array(batch)) }
    }

    private func commit(_ batch: [Waiting]) async {
        do {
            try await insert(batch.map(\.row))
            for waiting in batch { waiting.caller.resume() }
        } catch {
            for waiting in batch { waiting.caller.resume(throwing: error) }
        }
        batchesOut -= 1
        if !waiting.isEmpty { scheduleFlush() }
    }

    private func insert(_ rows: [Rows.Row]) async throws {
        try await database.execute(
            """
            INSERT INTO stored (chat, id, sender, body, at)
            SELECT *, clock_timestamp() FROM unnest(
                \(rows.map(\.chat)), \(rows.map(\.id)), \(rows.map(\.sender)), \(rows.map(\.body)))
            """)
    }
}
