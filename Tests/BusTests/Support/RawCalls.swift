import AMQP
import CBOR
import Contracts

@testable import Bus

/// Operations of a client without the bus.
extension AMQPAdmin {
    /// A queue named `raw` that gets the calls to a service.
    func declareRequests(of service: String, arguments: AMQPTable = [:]) throws {
        try declare(.queue(AMQPQueue("raw", arguments: arguments)))
        try declare(.bind(queue: "raw", AMQPBinding(exchange: "martlet.rpc", routingKey: service)))
    }

    /// A queue that gets the answers sent to `address`.
    func declareReplies(_ address: String) throws {
        try declare(.queue(AMQPQueue(address)))
        try declare(.bind(queue: address, AMQPBinding(exchange: "martlet.replies", routingKey: address)))
    }

    func sendCalls(_ body: [UInt8], to service: String = "users", as user: String?, replyTo: String?) throws {
        var properties = AMQPProperties()
        properties.userID = user
        properties.replyTo = replyTo
        try publish(AMQPMessage(exchange: "martlet.rpc", routingKey: service, properties: properties, body: body))
    }

    func sendReplies(_ body: [UInt8], to address: String, as user: String?) throws {
        var properties = AMQPProperties()
        properties.userID = user
        try publish(AMQPMessage(exchange: "martlet.replies", routingKey: address, properties: properties, body: body))
    }

}

extension WireCall {
    static func to(
        _ procedure: String, _ request: some Encodable = Done(), id: UInt64 = 1, deadline: Deadline = .after(.seconds(60))
    ) throws -> WireCall {
        WireCall(
            correlationID: id, deadline: deadline.millisecondsSinceEpoch, procedure: procedure, context: [],
            payload: try CBOREncoder.contracts.encode(request))
    }
}
