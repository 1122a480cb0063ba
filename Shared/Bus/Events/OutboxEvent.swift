import Contracts
import Foundation
import Postgres

/// One fact on its way: formed in the transaction that makes it true, as a row of that transaction's own outbox.
package struct OutboxEvent: Sendable {
    package let id: EventID
    package let type: EventType
    let subject: String?
    let time: Timestamp
    /// W3C traceparent of the work that made it.
    let trace: String?
    /// JSON, as published.
    let data: [UInt8]

    /// Forms the event, now, within the trace of now.
    ///
    /// - Throws: `EncodingError`.
    package init<E: Event>(_ event: E) throws {
        id = EventID()
        type = E.type
        subject = event.subject
        time = Timestamp(millisecondsSinceEpoch: Deadline.now)
        trace = TraceCarrier.currentFields().first { $0.name == "traceparent" }?.value
        data = Array(try Self.encoder.encode(event))
    }

    init(id: EventID, type: EventType, subject: String?, time: Timestamp, trace: String?, data: [UInt8]) {
        (self.id, self.type, self.subject, self.time, self.trace, self.data) = (id, type, subject, time, trace, data)
    }

    /// To be part of the committing transaction.
    package var insert: SQL {
        """
        INSERT INTO outbox (id, type, subject, time, trace, data)
        VALUES (\(id.uuid), \(type), \(subject as String?), \(time), \(trace as String?), \(data))
        """
    }

    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return encoder
    }()
}
