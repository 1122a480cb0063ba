import AMQP
import Bus
import Contracts
import Foundation
import Logging
import Postgres
import PostgresTesting
import TestSupport

package struct UserRenamed: Event, Hashable {
    package static let type: EventType = "users.test.renamed.v1"
    package var subject: String? { id.description }
    package var id: UserID
    package var name: String

    package init(id: UserID, name: String) {
        self.id = id
        self.name = name
    }

    enum CodingKeys: String, CodingKey { case id, name }
}

/// The tables of `docs/outbox.md`.
package enum EventTables {
    package static let statements: [SQL] = [
        """
        CREATE TABLE outbox (
            id uuid PRIMARY KEY,
            type text NOT NULL,
            subject text,
            time timestamptz NOT NULL,
            trace text,
            data bytea NOT NULL,
            claimed_at timestamptz NOT NULL DEFAULT clock_timestamp()
        )
        """,
        "CREATE INDEX outbox_by_claim ON outbox (claimed_at)",
        """
        CREATE TABLE inbox (
            queue text NOT NULL,
            event_id uuid NOT NULL,
            failures smallint NOT NULL DEFAULT 0,
            done boolean NOT NULL DEFAULT false,
            reason text,
            at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (queue, event_id)
        )
        """,
        "CREATE INDEX inbox_by_age ON inbox (at)",
    ]
}

/// A broker and a database for one test.
package struct EventWorld: Sendable {
    package let broker: TestBroker
    package let pool: PostgresPool

    package static func with<Result>(_ body: (EventWorld) async throws -> Result) async throws -> Result {
        try await TestBroker.with { broker in
            try await TestDatabase.with(on: TestBroker.io) { pool in
                for statement in EventTables.statements { try await pool.execute(statement) }
                return try await body(EventWorld(broker: broker, pool: pool))
            }
        }
    }

    package func outbox(_ bus: Bus) -> Outbox { Outbox(pool, bus: bus, logger: TestBroker.logger) }

    /// Commits an event of `users` like a store.
    package func commit(_ name: String, id: Int64 = 1) async throws -> OutboxEvent {
        let event = try OutboxEvent(UserRenamed(id: UserID(rawValue: id), name: name))
        _ = try await pool.atomically([event.insert])
        return event
    }

    /// Makes all rows look as if they had been committed a while ago.
    package func age(_ seconds: Int32 = 10) async throws {
        try await pool.execute("UPDATE outbox SET claimed_at = claimed_at - make_interval(secs => \(seconds))")
    }

    package var rows: Int { get async throws { try await pool.one("SELECT count(*) FROM outbox", as: Int.self) } }

    package func tableIsEmpty() async throws { try await eventually("an empty outbox") { try await rows == 0 ? () : nil } }

    /// Declares a queue `all` that receives every event.
    package func declareListener() async throws {
        try await broker.raw { raw in
            try raw.declare(.queue(AMQPQueue("all")))
            try raw.declare(.bind(queue: "all", AMQPBinding(exchange: "martlet.events", routingKey: "#")))
        }
    }

    /// Receives events from the queue `all` until there are `count`.
    package func heard(_ count: Int) async throws -> [AMQPDelivery] {
        let seen = ValueRecorder<AMQPDelivery>()
        return try await eventually("\(count) events") {
            while let delivery = try await broker.raw({ try $0.take(from: "all") }) { seen.add(delivery) }
            return seen.count >= count ? seen.all : nil
        }
    }
}

extension AMQPMessage {
    package static func event(_ type: String, _ body: String, headers: AMQPTable? = nil, as user: String = "users") -> AMQPMessage
    {
        var properties = AMQPProperties()
        properties.userID = user
        properties.contentType = "application/json"
        properties.headers =
            headers ?? [
                "cloudEvents_specversion": "1.0", "cloudEvents_id": .string(EventID().description),
                "cloudEvents_source": "/test", "cloudEvents_type": .string(type),
            ]
        return AMQPMessage(exchange: "martlet.events", routingKey: type, properties: properties, body: Array(body.utf8))
    }
}

extension AMQPAdmin {
    /// Receives a message and acknowledges it.
    package func take(from queue: String) throws -> AMQPDelivery? {
        guard let delivery = try get(fromQueue: queue) else { return nil }
        try acknowledge(delivery.tag)
        return delivery
    }
}
