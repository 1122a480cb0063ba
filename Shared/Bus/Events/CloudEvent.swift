import AMQP
import Contracts
import Foundation

/// The attributes of an event beside its data, as CloudEvents 1.0 defines them.
///
/// On the wire they follow the AMQP binding in binary mode, as headers of AMQP 0-9-1: `cloudEvents_id` and so
/// on. The data is the body.
struct CloudEvent: Hashable, Sendable {
    var id: EventID
    var type: EventType
    /// `/martlet/<service>`.
    var source: String
    var subject: String?
    var time: Timestamp?
    /// The W3C trace context of the request that caused it.
    var traceparent: String?

    /// The reason why a message is not a valid event.
    struct Malformed: Error, Equatable {
        let reason: String
    }

    static let prefix = "cloudEvents_"
    static let contentType = "application/json"

    static func source(of service: ServiceName) -> String { "/martlet/\(service)" }

    var headers: AMQPTable {
        var headers: AMQPTable = [
            "cloudEvents_specversion": "1.0", "cloudEvents_id": .string(id.description),
            "cloudEvents_source": .string(source), "cloudEvents_type": .string(type.rawValue),
        ]
        if let subject { headers.append("cloudEvents_subject", .string(subject)) }
        if let time { headers.append("cloudEvents_time", .string(time.description)) }
        if let traceparent { headers.append("cloudEvents_traceparent", .string(traceparent)) }
        return headers
    }

    /// - Throws: ``Malformed``.
    init(_ delivery: AMQPDelivery) throws {
        try self.init(headers: delivery.properties.headers, contentType: delivery.properties.contentType)
    }

    init(headers: AMQPTable, contentType: String?) throws {
        func text(_ name: String) -> String? { headers[Self.prefix + name]?.string }
        guard let version = text("specversion") else { throw Malformed(reason: "not a CloudEvent: no specversion") }
        guard version.hasPrefix("1.") else { throw Malformed(reason: "CloudEvents \(version.prefix(20)) is not supported") }
        guard let id = text("id").flatMap({ EventID($0) }) else {
            throw Malformed(reason: "the event's id is missing or not a UUID")
        }
        guard let type = text("type"), !type.isEmpty else { throw Malformed(reason: "the event has no type") }
        guard let source = text("source"), !source.isEmpty else { throw Malformed(reason: "the event has no source") }
        // Parameters such as a character set may follow the media type.
        if let contentType, !contentType.lowercased().hasPrefix(Self.contentType) {
            throw Malformed(reason: "the data is not JSON but \(contentType.prefix(60))")
        }
        self.id = id
        self.source = source
        self.type = EventType(rawValue: type)
        subject = text("subject")
        time = text("time").flatMap { Timestamp($0) }
        traceparent = text("traceparent")
    }

    init(id: EventID, type: EventType, source: String, subject: String?, time: Timestamp?, traceparent: String?) {
        self.id = id
        self.type = type
        self.source = source
        self.subject = subject
        self.time = time
        self.traceparent = traceparent
    }

    /// Whether `sender` may publish this event: the service that the type belongs to, or `consumer` itself,
    /// which replays dead letters.
    ///
    /// The broker's permissions check one routing key only. A message may have more of them (`CC`), or be
    /// forwarded by a queue with `x-dead-letter-exchange`. The sender's name, which the broker verifies,
    /// remains.
    func isAuthorized(sender: String?, consumer: ServiceName) -> Bool {
        guard let sender else { return false }
        return sender == consumer.rawValue || type.rawValue.hasPrefix("\(sender).")
    }

    /// Returns the event as a message with its type as routing key.
    func message(
        _ data: [UInt8], to exchange: String, from service: ServiceName, mode: AMQPProperties.DeliveryMode
    ) -> AMQPMessage {
        var properties = AMQPProperties()
        properties.contentType = Self.contentType
        properties.headers = headers
        properties.deliveryMode = mode
        properties.messageID = id.description
        properties.type = type.rawValue
        properties.userID = service.rawValue
        return AMQPMessage(exchange: exchange, routingKey: type.rawValue, properties: properties, body: data)
    }
}

/// The attributes of an event that its handler may use besides the data.
package struct EventContext: Sendable {
    package let id: EventID
    package let type: String
    /// The service that published it, as `/martlet/<service>`.
    package let source: String
    package let subject: String?
    /// When it happened; absent for a foreign event without a time.
    package let time: Timestamp?
    /// The number of the attempt, from 1. On work queues it counts over restarts, once an attempt failed in
    /// this process. Always 1 for subscriptions.
    package let attempt: Int
    /// The inbox of the event's queue.
    package let inbox: InboxQueue

    init(_ event: CloudEvent, attempt: Int, inbox: InboxQueue) {
        id = event.id
        type = event.type.rawValue
        source = event.source
        subject = event.subject
        time = event.time
        self.attempt = attempt
        self.inbox = inbox
    }
}
