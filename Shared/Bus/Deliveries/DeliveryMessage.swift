import AMQP
import CBOR
import Contracts

/// A part of a delivery as a message: `CBOR` of ``Delivery``, one partition as routing key and the others in the header `CC`, by which the broker gives
/// it to every queue once. Or one key for all instances.
enum DeliveryMessage {
    /// The key to which every feed is bound.
    static let allInstances = "all"
    static let contentType = "application/cbor"
    /// After this moment, in milliseconds since the Unix epoch, it is of no use.
    ///
    /// Not the expiration of the broker: what expires in a queue would be told to its process as lost.
    static let until = "until"

    static func encode(_ part: DeliveryParts.Part, from service: ServiceName, lifetime: Duration?) throws -> AMQPMessage {
        let keys = part.isForAll ? [allInstances] : part.partitions.map(String.init)
        var properties = AMQPProperties()
        properties.contentType = contentType
        properties.userID = service.rawValue
        if keys.count > 1 { properties.headers.append("CC", .array(keys.dropFirst().map(AMQPValue.string))) }
        if let lifetime { properties.headers.append(until, .integer(Deadline.after(lifetime).millisecondsSinceEpoch)) }
        return AMQPMessage(
            exchange: Exchange.delivery, routingKey: keys.first ?? "", properties: properties,
            body: try CBOREncoder.contracts.encode(Delivery(items: part.items)))
    }

    static func isOver(_ message: AMQPDelivery) -> Bool {
        guard let until = message.properties.headers[until]?.integer else { return false }
        return Deadline(millisecondsSinceEpoch: until).hasPassed
    }
}
