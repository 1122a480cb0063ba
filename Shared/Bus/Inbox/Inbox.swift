import Foundation
import Postgres

/// One work queue's part of a service's inbox.
package struct InboxQueue: Sendable {
    let queue: String

    /// For the handler's own transaction, before anything else in it: one row is affected the first time, none when the event was handled before. Then
    /// return without doing it again, and its effect happens exactly once.
    package func once(_ id: EventID) -> SQL {
        """
        INSERT INTO inbox (queue, event_id, done) VALUES (\(queue), \(id), true)
        ON CONFLICT (queue, event_id) DO UPDATE SET done = true, at = clock_timestamp() WHERE NOT inbox.done
        """
    }
}

/// Where the consumers of a service note which events they have done and which have failed: the table `inbox` of its schema; see `docs/outbox.md`.
package struct Inbox: Sendable {
    /// Longer than any event can stay away and come back.
    static let keptDays = 14

    let pool: PostgresPool

    package init(_ pool: PostgresPool) { self.pool = pool }

    /// Counts one more failure; how many there are now.
    func failed(_ id: EventID, queue: String, reason: String) async throws(PostgresError) -> Int {
        try await pool.one(
            """
            INSERT INTO inbox (queue, event_id, failures, reason) VALUES (\(queue), \(id), 1, \(reason))
            ON CONFLICT (queue, event_id) DO UPDATE
            SET failures = LEAST(inbox.failures + 1, 30000), reason = EXCLUDED.reason, at = clock_timestamp()
            RETURNING failures::bigint
            """, as: Int.self)
    }

    /// What a dead letter has failed is forgotten, so that it has its five tries again when it is replayed.
    func forgetFailures(_ id: EventID, queue: String) async throws(PostgresError) {
        try await pool.execute("DELETE FROM inbox WHERE queue = \(queue) AND event_id = \(id) AND NOT done")
    }

    /// Removes old notes, a thousand at a time; whether there may be more.
    func tidy() async throws(PostgresError) -> Bool {
        let removed = try await pool.execute(
            """
            DELETE FROM inbox WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM inbox WHERE at < clock_timestamp() - make_interval(days => \(Int32(Self.keptDays))) LIMIT 1000))
            """)
        return removed == 1_000
    }
}
