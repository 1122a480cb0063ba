import Contracts
import Foundation
import Postgres

/// One fact, as a row of the outbox.
struct OutboxEvent: Sendable {
    let insert: SQL

    init(_ event: some Event) throws {
        let data = Array(try JSONEncoder().encode(event))
        insert = """
            INSERT INTO outbox (id, type, subject, time, data)
            VALUES (\(UUID()), \(Swift.type(of: event).type.rawValue), \(event.subject as String?), clock_timestamp(), \(data))
            """
    }
}

/// Where facts go after their commit.
struct Outbox: Sendable {
    init(_ database: PostgresPool) {}
    func committed(_ events: [OutboxEvent]) {}
}
