import Postgres
import TestSupport

/// An advisory lock that blocks other statements while a test holds it.
struct Lock {
    let key = Int64.random(in: 1...Int64.max)

    /// A statement that waits while the lock is held.
    var wait: SQL { "SELECT pg_advisory_xact_lock(\(key))" }

    /// Holds the lock for the length of `body`.
    func hold<Result>(_ pool: PostgresPool, _ body: () async throws -> Result) async throws -> Result {
        try await pool.transaction { holder in
            try await holder.execute(wait)
            return try await body()
        }
    }

    /// Waits until a session waits for the lock. Returns the process ids of all waiting sessions.
    func waiters(_ pool: PostgresPool, atLeast count: Int = 1) async throws -> [Int32] {
        try await eventually("a session waiting for the lock") {
            let waiting = try await pool.query(
                """
                SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND (classid::bigint << 32) | objid::bigint = \(key)
                """, as: Int32.self)
            return waiting.count >= count ? waiting : nil
        }
    }

    /// Waits until no session waits for the lock.
    func deserted(_ pool: PostgresPool) async throws {
        _ = try await eventually("an uncontended lock") {
            let waiting = try await pool.one(
                """
                SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND (classid::bigint << 32) | objid::bigint = \(key)
                """, as: Int.self)
            return waiting == 0 ? true : nil
        }
    }
}

extension PostgresPool {
    /// Terminates sessions as an operator would.
    func terminate(_ sessions: [Int32]) async throws {
        _ = try await query("SELECT pg_terminate_backend(pid) FROM unnest(\(sessions)) pid")
    }

    /// Opens exclusive connections in advance, so that a later deadline does not include the connect time.
    func warm(_ count: Int) async throws {
        if count == 0 { return }
        try await transaction { transaction in
            try await transaction.execute("SELECT 1")
            try await warm(count - 1)
        }
    }

    /// Terminates every session of the pool with this name.
    func terminate(application: String) async throws {
        _ = try await query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = \(application)")
    }
}
