import PostgresTesting
import Testing

@testable import Postgres

@Suite("Connection", .timeLimit(.minutes(1))) struct ConnectionTests {
    @Test("a loss that shows while old statements are discarded is told to whoever was about to send")
    func lostWhileDiscarding() async throws {
        try await TestDatabase.with(configure: { $0.statementCacheSize = 1 }) { pool in
            let connection = try await pool.acquire(deadline: nil)
            for sql: SQL in ["CREATE TEMPORARY TABLE t (a bigint)", "SELECT 1"] {
                _ = try await connection.perform([sql], commits: true, deadline: nil)
            }
            // In the middle of a COPY libpq sends nothing else; as it would on a broken connection.
            try await connection.beginCopy("COPY t FROM STDIN", deadline: nil)
            let answer = await connection.sendAsShared("SELECT 1")
            guard case .failure(let error) = answer else { Issue.record("it was answered"); return }
            #expect(error.reason == .connectionLost)
            #expect(error.mayHaveHappened == false)
            #expect(await connection.isUsable == false)
            await pool.release(connection)
        }
    }
}

extension PostgresConnection {
    /// Sends as if it came from one of many callers: first it tells the server of the statements that made room for others.
    fileprivate func sendAsShared(_ sql: SQL) async -> BatchResult {
        await withCheckedContinuation { caller in
            send(StatementBatch(id: nextBatchID(), statements: [sql], commits: false, isShared: true, caller: caller))
        }
    }
}
