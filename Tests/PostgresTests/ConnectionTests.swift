import PostgresTesting
import Testing

@testable import Postgres

@Suite("Connection", .timeLimit(.minutes(1))) struct ConnectionTests {
    @Test("the caller gets an error when the connection fails while evicted statements are deallocated")
    func lostWhileDiscarding() async throws {
        try await TestDatabase.with(configure: { $0.statementCacheSize = 1 }) { pool in
            let connection = try await pool.acquire(deadline: nil)
            for sql: SQL in ["CREATE TEMPORARY TABLE t (a bigint)", "SELECT 1"] {
                _ = try await connection.perform([sql], commits: true, deadline: nil)
            }
            // During a COPY libpq sends nothing else, as on a broken connection.
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
    /// Sends a shared batch, which first deallocates evicted statements on the server.
    fileprivate func sendAsShared(_ sql: SQL) async -> BatchResult {
        await withCheckedContinuation { caller in
            send(StatementBatch(id: nextBatchID(), statements: [sql], commits: false, isShared: true, caller: caller))
        }
    }
}
