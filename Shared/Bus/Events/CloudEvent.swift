import AMQP
import Contracts
import Foundation

/// What stands about an event beside its data: the attributes of a CloudEvent 1.0.
///
/// On the wire it is their AMQP binding in binary mode, as headers of AMQP 0-9-1: `cloudEvents_id` and so on; the data is the body.
struct CloudEvent: Hashable, Sendable {
    var id: EventID
    var type: EventType
    /// `/martlet/<service>`.
    var source: String
    var subject: String?
    var time: Timestamp?
    /// W3C trace context of whoever made it.
    var traceparent: String?

    /// Why a message is no event that we can take.
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
        guard version.hasPrefix("1.") else { throw Malformed(reason: "CloudEvents \(version.prefix(20)) is not known here") }
        guard let id = text("id").flatMap({ EventID($0) }) else { throw Malformed(reason: "the event's id is absent or no UUID") }
        guard let type = text("type"), !type.isEmpty else { throw Malformed(reason: "the event has no type") }
        guard let source = text("source"), !source.isEmpty else { throw Malformed(reason: "the event has no source") }
        // Parameters such as a character set may follow.
        if let contentType, !contentType.lowercased().hasPrefix(Self.contentType) {
            throw Malformed(reason: "the data is not JSON but \(contentType.prefix(60))")
        }
        (self.id, self.source) = (id, source)
        self.type = EventType(rawValue: type)
        subject = text("subject")
        time = text("time").flatMap { Timestamp($0) }
        traceparent = text("traceparent")
    }

    init(id: EventID, type: EventType, source: String, subject: String?, time: Timestamp?, traceparent: String?) {
        (self.id, self.type, self.source) = (id, type, source)
        (self.subject, self.time, self.traceparent) = (subject, time, traceparent)
    }

    /// Whether it was told by the service whose fact it is, or given back by `consumer` itself out of its dead letters.
    ///
    /// The broker's permissions look at the one routing key under which a message is published. It may have more of them (`CC`), or be sent on by a queue that
    /// somebody made for that (`x-dead-letter-exchange`); the name of its sender, which the broker has verified, stays.
    func isTold(by sender: String?, to consumer: ServiceName) -> Bool {
        guard let sender else { return false }
        return sender == consumer.rawValue || type.rawValue.hasPrefix("\(sender).")
    }

    /// The event as a message to everybody who wants its type.
    func message(
        _ data: [UInt8], to exchange: String, from service: ServiceName, _ mode: AMQPProperties.DeliveryMode
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
