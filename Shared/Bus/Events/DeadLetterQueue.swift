import AMQP
import Contracts

/// Where a service's unhandled events wait for a person.
enum DeadLetterQueue {
    static let reasonHeader = "martlet-reason"
    static let queueHeader = "martlet-queue"

    static func name(of service: ServiceName) -> String { "\(service).dead" }

    static func declarations(of service: ServiceName) -> [AMQPDeclaration] {
        let name = name(of: service)
        return [
            .queue(AMQPQueue(name, arguments: ["x-queue-type": "quorum"])),
            .bind(queue: name, AMQPBinding(exchange: Exchange.dead, routingKey: service.rawValue)),
        ]
    }

    /// The event as it was, with why and from where.
    static func letter(_ delivery: AMQPDelivery, from queue: String, of service: ServiceName, reason: String) -> AMQPMessage {
        var properties = delivery.properties
        properties.deliveryMode = .persistent
        properties.userID = nil
        properties.expiration = nil
        properties.headers[reasonHeader] = .string(String(reason.prefix(1_000)))
        properties.headers[queueHeader] = .string(queue)
        return AMQPMessage(
            exchange: Exchange.dead, routingKey: service.rawValue, mandatory: true, properties: properties, body: delivery.body)
    }
}
