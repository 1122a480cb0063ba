import AMQP
import Bus
import CBOR
import Contracts

/// A part of a delivery as a message: ``Delivery`` in CBOR.
///
/// The routing key is one partition, and the header `CC` lists the others, so that the broker puts one copy
/// into each queue. Or it is the one key of all instances.
enum DeliveryMessage {
    static let exchange = "martlet.delivery"
    /// The purpose of the connection that carries deliveries.
    static let connection = "deliveries"
    /// The key to which every feed is bound.
    static let allInstances = "all"
    static let contentType = "application/cbor"
    /// The header with the time after which the delivery is useless, in milliseconds since the Unix epoch.
    ///
    /// The broker's own expiration would report a message that expires in a queue to the process as lost.
    static let expiry = "until"

    static func encode(_ part: DeliveryParts.Part, from service: ServiceName, lifetime: Duration?) throws -> AMQPMessage {
        let keys = part.isForAll ? [allInstances] : part.partitions.map(String.init)
        var properties = AMQPProperties()
        properties.contentType = contentType
        properties.userID = service.rawValue
        if keys.count > 1 { properties.headers.append("CC", .array(keys.dropFirst().map(AMQPValue.string))) }
        if let lifetime { properties.headers.append(expiry, .integer(Deadline.after(lifetime).millisecondsSinceEpoch)) }
        return AMQPMessage(
            exchange: exchange, routingKey: keys.first ?? "", properties: properties,
            body: try CBOREncoder.contracts.encode(Delivery(items: part.items)))
    }

    static func hasExpired(_ message: AMQPDelivery) -> Bool {
        guard let expiry = message.properties.headers[expiry]?.integer else { return false }
        return Deadline(millisecondsSinceEpoch: expiry).hasPassed
    }
}
