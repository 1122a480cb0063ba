import AMQP
import Contracts
import Foundation

/// An event as the broker carries it: CloudEvents 1.0 in the binary mode of the AMQP binding, its attributes as headers of AMQP 0-9-1.
enum EventMessage {
    /// - Parameter isPersistent: whether it survives the broker's restart, in queues that do.
    static func message(_ event: OutboxEvent, from service: ServiceName, isPersistent: Bool) -> AMQPMessage {
        var properties = AMQPProperties()
        properties.contentType = "application/json"
        properties.deliveryMode = isPersistent ? .persistent : .transient
        properties.messageID = event.id.description
        properties.userID = service.rawValue
        properties.headers = [
            "cloudEvents_specversion": "1.0", "cloudEvents_id": .string(event.id.description),
            "cloudEvents_source": .string("/martlet/\(service)"), "cloudEvents_type": .string(event.type.rawValue),
            "cloudEvents_time": .string(event.time.description),
        ]
        if let subject = event.subject { properties.headers.append("cloudEvents_subject", .string(subject)) }
        if let trace = event.trace { properties.headers.append("cloudEvents_traceparent", .string(trace)) }
        return AMQPMessage(exchange: Exchange.events, routingKey: event.type.rawValue, properties: properties, body: event.data)
    }

    /// What a consumer is told of an event before it is decoded.
    struct Attributes: Sendable {
        let id: EventID
        let type: String
        let source: String
        let time: Timestamp
        let trace: String?
    }

    /// - Throws: ``BadEvent`` with what is wrong.
    static func attributes(of delivery: AMQPDelivery) throws(BadEvent) -> Attributes {
        let headers = delivery.properties.headers
        guard headers["cloudEvents_specversion"]?.string == "1.0" else {
            throw BadEvent(reason: "not a CloudEvent 1.0 in binary mode")
        }
        guard let id = headers["cloudEvents_id"]?.string.flatMap({ EventID($0) }) else {
            throw BadEvent(reason: "cloudEvents_id is no UUID")
        }
        guard let type = headers["cloudEvents_type"]?.string else { throw BadEvent(reason: "cloudEvents_type is missing") }
        guard let time = headers["cloudEvents_time"]?.string.flatMap({ Timestamp($0) }) else {
            throw BadEvent(reason: "cloudEvents_time is no time")
        }
        return Attributes(
            id: id, type: type, source: headers["cloudEvents_source"]?.string ?? "", time: time,
            trace: headers["cloudEvents_traceparent"]?.string)
    }
}

/// An event that nobody can make sense of; trying again would not help.
struct BadEvent: Error, CustomStringConvertible {
    let reason: String
    var description: String { reason }
}
