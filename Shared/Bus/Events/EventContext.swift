import Contracts
import Foundation
import Postgres

/// What is known of an event beside its data.
package struct EventContext: Sendable {
    package let id: EventID
    package let type: String
    /// `/martlet/<service>`.
    package let source: String
    package let time: Timestamp
    /// 1 at first; counted over restarts on work queues, always 1 on broadcasts.
    package let attempt: Int
    /// The inbox of the work queue that it came through.
    package let inbox: InboxQueue
}

/// One work queue's part of a service's inbox.
package struct InboxQueue: Sendable {
    let queue: String

    /// Marks the event as done, to be part of the handler's own transaction: it changes one row the first time, and none ever after.
    package func once(_ id: EventID) -> SQL {
        """
        INSERT INTO inbox (queue, event_id, done) VALUES (\(queue), \(id.uuid), true)
        ON CONFLICT (queue, event_id) DO UPDATE SET done = true, at = clock_timestamp() WHERE NOT inbox.done
        """
    }
}

/// Remembers in the service's own database what was done, and how often what failed.
package struct Inbox: Sendable {
    /// How long what was done is remembered: far longer than an event may take to come twice.
    private static let memoryDays: Int64 = 14
    private let database: PostgresPool

    package init(_ database: PostgresPool) { self.database = database }

    /// - Returns: how often it has failed now, this time included.
    func countFailure(of id: EventID, in queue: String, reason: String) async throws -> Int {
        let failures = try await database.one(
            """
            INSERT INTO inbox (queue, event_id, failures, reason) VALUES (\(queue), \(id.uuid), 1, \(reason))
            ON CONFLICT (queue, event_id) DO UPDATE SET failures = inbox.failures + 1, reason = excluded.reason, at = clock_timestamp()
            RETURNING failures::bigint
            """, as: Int64.self)
        return Int(failures)
    }

    /// An event that left for the dead letters begins anew when it is replayed.
    func forget(_ id: EventID, in queue: String) async throws {
        _ = try await database.execute("DELETE FROM inbox WHERE queue = \(queue) AND event_id = \(id.uuid) AND NOT done")
    }

    func sweep() async throws {
        _ = try await database.execute(
            "DELETE FROM inbox WHERE at < clock_timestamp() - make_interval(days => \(Self.memoryDays)::int)")
    }
}
