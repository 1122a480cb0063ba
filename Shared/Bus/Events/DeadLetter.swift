import AMQP
import Contracts

/// An event that a consumer could not handle, with its queue and the reason.
package struct DeadLetter: Hashable, Sendable {
    /// The event's id, or the message's id when the event has none; `-` without either.
    package let id: String
    package let type: String
    /// The work queue that it came from.
    package let queue: String
    package let reason: String
    /// When it became a dead letter; absent for letters of the broker without a time.
    package let time: Timestamp?
    package let bytes: Int

    private enum Header {
        static let queue = "martlet_queue"
        static let reason = "martlet_reason"
        static let time = "martlet_dead_at"
    }

    /// Reads a message of the dead letter queue, from the headers of ``message(_:queue:service:reason:)`` or
    /// from `x-death` of the broker.
    init(_ delivery: AMQPDelivery) {
        let headers = delivery.properties.headers
        let death = headers["x-death"]?.array?.first?.table
        id = headers["cloudEvents_id"]?.string ?? delivery.properties.messageID ?? "-"
        type = headers["cloudEvents_type"]?.string ?? delivery.properties.type ?? "-"
        queue = headers[Header.queue]?.string ?? death?["queue"]?.string ?? "-"
        reason = headers[Header.reason]?.string ?? death?["reason"]?.string.map { "broker: \($0)" } ?? "-"
        if let text = headers[Header.time]?.string {
            time = Timestamp(text)
        } else if case .timestamp(let seconds)? = death?["time"] {
            time = Timestamp(millisecondsSinceEpoch: Int64(clamping: seconds).multipliedReportingOverflow(by: 1_000).partialValue)
        } else {
            time = nil
        }
        bytes = delivery.body.count
    }

    /// Returns the message that moves a delivery to the dead letters of `service`.
    static func message(_ delivery: AMQPDelivery, queue: String, service: ServiceName, reason: String) -> AMQPMessage {
        var properties = delivery.properties
        properties.deliveryMode = .persistent
        properties.expiration = nil
        // The broker accepts no other user than this service. The event's source names its publisher.
        properties.userID = service.rawValue
        properties.headers[Header.queue] = .string(queue)
        properties.headers[Header.reason] = .string(String(reason.prefix(1_000)))
        properties.headers[Header.time] = .string(Timestamp(millisecondsSinceEpoch: Deadline.now).description)
        return AMQPMessage(
            exchange: Exchange.dead, routingKey: service.rawValue, mandatory: true, properties: properties, body: delivery.body)
    }

    /// Returns the message that moves a letter back to its queue.
    func replay(_ delivery: AMQPDelivery, service: ServiceName) -> AMQPMessage {
        var properties = delivery.properties
        properties.userID = service.rawValue
        properties.deliveryMode = .persistent
        for name in [
            Header.queue, Header.reason, Header.time, "x-death", "x-first-death-exchange", "x-first-death-queue",
            "x-first-death-reason", "x-delivery-count",
        ] {
            properties.headers[name] = nil
        }
        return AMQPMessage(
            exchange: Exchange.dead, routingKey: queue, mandatory: true, properties: properties, body: delivery.body)
    }
}
