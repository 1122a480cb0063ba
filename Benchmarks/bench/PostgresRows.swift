import Foundation
import Postgres
import Reactor
import ServiceKit

/// Commits rows of about 200 bytes in batches. Each caller waits for the commit of its row.
///
/// The row is that of `baselines/row.sql`.
enum PostgresRows {
    struct Row: Sendable {
        let chat, id, sender: Int64
        let body = PostgresRows.body

        init(_ number: Int) {
            var random = SplitMix(number)
            chat = random.next(upTo: 50)
            id = random.next(upTo: 1 << 62)
            sender = random.next(upTo: 1_000)
        }
    }

    fileprivate static let body = String(repeating: "x", count: 200)

    static func measure(_ context: ServiceContext, _ load: ClosedLoopLoad) async throws -> LoadResult {
        let database = try context.postgres()
        let batcher = RowBatcher(database, on: context.io)
        return try await context.job([database]) {
            await database.ready()
            return try await load.run { number in try await batcher.store(Row(number)) }
        }
    }
}

/// Batches rows as `chats` batches sends.
///
/// At the end of a loop turn it commits up to 256 waiting rows, unless two batches are in flight.
actor RowBatcher {
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private typealias Waiting = (row: PostgresRows.Row, caller: CheckedContinuation<Void, any Error>)

    private let database: PostgresPool
    private let io: IOThread
    private var waiting: [Waiting] = []
    private var batchesInFlight = 0
    private var flushIsScheduled = false

    init(_ database: PostgresPool, on io: IOThread) {
        self.database = database
        self.io = io
    }

    func store(_ row: PostgresRows.Row) async throws {
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
        guard batchesInFlight < 2, !waiting.isEmpty else { return }
        let batch = waiting.prefix(256)
        waiting.removeFirst(batch.count)
        batchesInFlight += 1
        Task(executorPreference: io) { await self.commit(Array(batch)) }
    }

    private func commit(_ batch: [Waiting]) async {
        do {
            try await insert(batch.map(\.row))
            for waiting in batch { waiting.caller.resume() }
        } catch {
            for waiting in batch { waiting.caller.resume(throwing: error) }
        }
        batchesInFlight -= 1
        if !waiting.isEmpty { scheduleFlush() }
    }

    private func insert(_ rows: [PostgresRows.Row]) async throws {
        try await database.execute(
            """
            INSERT INTO stored (chat, id, sender, body, at)
            SELECT *, clock_timestamp() FROM unnest(
                \(rows.map(\.chat)), \(rows.map(\.id)), \(rows.map(\.sender)), \(rows.map(\.body)))
            """)
    }
}
