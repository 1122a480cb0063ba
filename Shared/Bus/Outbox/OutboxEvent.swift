import CBOR
import Contracts
import Foundation
import Postgres

/// One event, formed in the transaction that it tells of: a row of the outbox.
package struct OutboxEvent: Hashable, Sendable {
    /// The largest event.
    package static let maximumBytes = 8 << 20

    package let id: EventID
    package let type: EventType
    package let subject: String?
    package let time: Timestamp
    /// W3C trace context of the request that caused it.
    package let trace: String?
    /// JSON, as it is published.
    package let data: [UInt8]
    /// What it tells, where it was formed in this process.
    private var value: (any Event)?

    /// - Parameter time: when it happened; now unless given.
    /// - Throws: `EncodingError`, `DecodingError` for what JSON does not have; `invalid` beyond ``maximumBytes``.
    package init<E: Event>(_ event: E, time: Timestamp? = nil) throws {
        // By way of CBOR, which takes a third of the time: a batch of sends is encoded while its chats are locked.
        let data = try CBOREncoder.contracts.json(event)
        guard data.count <= Self.maximumBytes else {
            throw ServiceError(.invalid, "an event of \(data.count) bytes; \(Self.maximumBytes) is the most")
        }
        self.init(
            id: EventID(), type: E.type, subject: event.subject,
            time: time ?? Timestamp(millisecondsSinceEpoch: Deadline.now),
            trace: TraceCarrier.currentFields().first { $0.name == "traceparent" }?.value, data: data)
        value = event
    }

    init(id: EventID, type: EventType, subject: String?, time: Timestamp, trace: String?, data: [UInt8]) {
        (self.id, self.type, self.subject) = (id, type, subject)
        (self.time, self.trace, self.data) = (time, trace, data)
    }

    /// What it tells, if that is of this type and can be read.
    package func decoded<E: Event>(as kind: E.Type) -> E? {
        guard type == E.type else { return nil }
        return value as? E ?? (try? JSONDecoder().decode(E.self, from: Data(data)))
    }

    /// Equal when what is stored is.
    package static func == (one: OutboxEvent, other: OutboxEvent) -> Bool {
        one.id == other.id && one.type == other.type && one.subject == other.subject && one.time == other.time
            && one.trace == other.trace && one.data == other.data
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(id) }

    /// To be part of the committing transaction. Afterwards: ``Outbox/committed(_:)``.
    package var insert: SQL {
        """
        INSERT INTO outbox (id, type, subject, time, trace, data)
        VALUES (\(id), \(type), \(subject as String?), \(time), \(trace as String?), \(data))
        """
    }

    /// The same, if `condition` holds.
    package func insert(where condition: SQL) -> SQL {
        """
        INSERT INTO outbox (id, type, subject, time, trace, data)
        SELECT \(id), \(type), \(subject as String?), \(time), \(trace as String?), \(data)
        WHERE \(condition)
        """
    }
}
