import Postgres
import TestSupport

/// A lock on the server that tests hold to keep somebody else's statement waiting for as long as they like.
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

    /// Returns once somebody waits for the lock; the process ids of all who do.
    func waiters(_ pool: PostgresPool, atLeast count: Int = 1) async throws -> [Int32] {
        try await eventually("somebody waiting for the lock") {
            let waiting = try await pool.query(
                """
                SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND (classid::bigint << 32) | objid::bigint = \(key)
                """, as: Int32.self)
            return waiting.count >= count ? waiting : nil
        }
    }

    /// Returns once nobody waits for the lock.
    func deserted(_ pool: PostgresPool) async throws {
        _ = try await eventually("nobody waiting for the lock") {
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
    /// Kills sessions as an operator would.
    func terminate(_ sessions: [Int32]) async throws {
        _ = try await query("SELECT pg_terminate_backend(pid) FROM unnest(\(sessions)) pid")
    }

    /// Opens exclusive connections, so that a deadline is not spent on that.
    func warm(_ count: Int) async throws {
        if count == 0 { return }
        try await transaction { transaction in
            try await transaction.execute("SELECT 1")
            try await warm(count - 1)
        }
    }

    /// Kills every session of the pool of this name.
    func terminate(application: String) async throws {
        _ = try await query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = \(application)")
    }
}
