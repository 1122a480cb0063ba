import Foundation
import Postgres

/// The part of a service's inbox that belongs to one work queue.
package struct InboxQueue: Sendable {
    let queue: String

    /// Records that an event is handled. Run it first in the handler's own transaction.
    ///
    /// It affects one row the first time, and none when the event was handled before. In that case the
    /// handler returns without doing its work again, so that the effect happens exactly once.
    package func once(_ id: EventID) -> SQL {
        """
        INSERT INTO inbox (queue, event_id, done) VALUES (\(queue), \(id), true)
        ON CONFLICT (queue, event_id) DO UPDATE SET done = true, at = clock_timestamp() WHERE NOT inbox.done
        """
    }
}

/// The table `inbox` of a service's schema: which events its consumers have handled, and which have failed
/// how often. See `docs/outbox.md`.
package struct Inbox: Sendable {
    /// Longer than the longest time between two deliveries of an event.
    static let keptDays = 14

    let pool: PostgresPool

    package init(_ pool: PostgresPool) { self.pool = pool }

    /// Counts one more failure.
    ///
    /// - Returns: the number of failures.
    func failed(_ id: EventID, queue: String, reason: String) async throws(PostgresError) -> Int {
        try await pool.one(
            """
            INSERT INTO inbox (queue, event_id, failures, reason) VALUES (\(queue), \(id), 1, \(reason))
            ON CONFLICT (queue, event_id) DO UPDATE
            SET failures = LEAST(inbox.failures + 1, 30000), reason = EXCLUDED.reason, at = clock_timestamp()
            RETURNING failures::bigint
            """, as: Int.self)
    }

    /// Resets the failures of a dead letter, so that it gets five attempts again when it is replayed.
    func resetFailures(_ id: EventID, queue: String) async throws(PostgresError) {
        try await pool.execute("DELETE FROM inbox WHERE queue = \(queue) AND event_id = \(id) AND NOT done")
    }

    /// Removes up to a thousand old entries.
    ///
    /// - Returns: whether there may be more.
    func removeExpired() async throws(PostgresError) -> Bool {
        let removed = try await pool.execute(
            """
            DELETE FROM inbox WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM inbox WHERE at < clock_timestamp() - make_interval(days => \(Int32(Self.keptDays))) LIMIT 1000))
            """)
        return removed == 1_000
    }
}
