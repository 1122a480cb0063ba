import CBOR
import Contracts
import Foundation
import Postgres

/// One event, created in the transaction that it describes: a row of the outbox.
package struct OutboxEvent: Hashable, Sendable {
    /// The limit of an event.
    package static let maximumBytes = 8 << 20

    package let id: EventID
    package let type: EventType
    package let subject: String?
    package let time: Timestamp
    /// The W3C trace context of the request that caused it.
    package let trace: String?
    /// The data in JSON, as it is published.
    package let data: [UInt8]
    /// The event, if this process created it.
    private var value: (any Event)?

    /// - Parameter time: when it happened; now by default.
    /// - Throws: `EncodingError`, `DecodingError` for a value that JSON does not have; `invalid` beyond
    ///   ``maximumBytes``.
    package init<E: Event>(_ event: E, time: Timestamp? = nil) throws {
        // Faster than `JSONEncoder`. Stores encode events while their rows are locked.
        let data = try CBOREncoder.contracts.json(event)
        guard data.count <= Self.maximumBytes else {
            throw ServiceError(.invalid, "the event has \(data.count) bytes; the limit is \(Self.maximumBytes) bytes")
        }
        self.init(
            id: EventID(), type: E.type, subject: event.subject,
            time: time ?? Timestamp(millisecondsSinceEpoch: Deadline.now),
            trace: TraceCarrier.currentFields().first { $0.name == "traceparent" }?.value, data: data)
        value = event
    }

    init(id: EventID, type: EventType, subject: String?, time: Timestamp, trace: String?, data: [UInt8]) {
        self.id = id
        self.type = type
        self.subject = subject
        self.time = time
        self.trace = trace
        self.data = data
    }

    /// Returns the event, if it is of type `kind` and can be decoded.
    package func decoded<E: Event>(as kind: E.Type) -> E? {
        guard type == E.type else { return nil }
        return value as? E ?? (try? JSONDecoder().decode(E.self, from: Data(data)))
    }

    /// Compares the stored columns.
    package static func == (one: OutboxEvent, other: OutboxEvent) -> Bool {
        one.id == other.id && one.type == other.type && one.subject == other.subject && one.time == other.time
            && one.trace == other.trace && one.data == other.data
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(id) }

    /// The statement that inserts the row in the committing transaction. Call ``Outbox/committed(_:)`` after
    /// the commit.
    package var insert: SQL {
        """
        INSERT INTO outbox (id, type, subject, time, trace, data)
        VALUES (\(id), \(type), \(subject as String?), \(time), \(trace as String?), \(data))
        """
    }

    /// Like ``insert``, if `condition` holds.
    package func insert(where condition: SQL) -> SQL {
        """
        INSERT INTO outbox (id, type, subject, time, trace, data)
        SELECT \(id), \(type), \(subject as String?), \(time), \(trace as String?), \(data)
        WHERE \(condition)
        """
    }
}
