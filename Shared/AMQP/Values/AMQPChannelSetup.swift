/// The configuration of a channel, applied at every opening.
package struct AMQPChannelSetup: Sendable {
    /// The channel's name in logs.
    package var name: String
    /// The maximum number of unconfirmed messages, 1...65,536; `nil` opens the channel without confirms.
    package var confirmWindow: Int?
    /// Declared in this order, before the consumers.
    package var declarations: [AMQPDeclaration] = []
    package var consumers: [AMQPConsumer] = []
    /// Called with a returned mandatory message that has no outcome callback. On the I/O thread.
    package var onReturn: (@Sendable (AMQPReturn) -> Void)?
    /// Called when the channel is open, with all consumers active, and when it was lost. On the I/O thread.
    package var onState: (@Sendable (AMQPChannelState) -> Void)?

    package init(
        name: String, confirmWindow: Int? = 1_024, declarations: [AMQPDeclaration] = [], consumers: [AMQPConsumer] = [],
        onReturn: (@Sendable (AMQPReturn) -> Void)? = nil, onState: (@Sendable (AMQPChannelState) -> Void)? = nil
    ) {
        self.name = name
        self.confirmWindow = confirmWindow
        self.declarations = declarations
        self.consumers = consumers
        self.onReturn = onReturn
        self.onState = onState
    }
}

package enum AMQPChannelState: Sendable {
    /// `epoch` increases with every opening.
    case open(epoch: UInt32)
    /// The channel is reopened after a delay.
    case lost(AMQPError)
}

/// One declaration of the topology.
package enum AMQPDeclaration: Hashable, Sendable {
    case exchange(AMQPExchange)
    case queue(AMQPQueue)
    case bind(queue: String, AMQPBinding)
}

package struct AMQPExchange: Hashable, Sendable {
    package enum Kind: String, Sendable { case direct, topic, fanout, headers }
    package var name: String
    package var kind: Kind
    package var durable: Bool
    package var autoDelete: Bool
    package var arguments: AMQPTable

    package init(_ name: String, _ kind: Kind, durable: Bool = true, autoDelete: Bool = false, arguments: AMQPTable = [:]) {
        self.name = name
        self.kind = kind
        self.durable = durable
        self.autoDelete = autoDelete
        self.arguments = arguments
    }
}

package struct AMQPQueue: Hashable, Sendable {
    package var name: String
    package var durable: Bool
    /// Usable by this connection only, and deleted with it.
    package var exclusive: Bool
    /// Deleted with its last consumer.
    package var autoDelete: Bool
    /// Only checks whether the queue exists.
    package var passive: Bool
    /// `x-queue-type`, `x-max-length` and so on.
    package var arguments: AMQPTable

    package init(
        _ name: String, durable: Bool = true, exclusive: Bool = false, autoDelete: Bool = false, passive: Bool = false,
        arguments: AMQPTable = [:]
    ) {
        self.name = name
        self.durable = durable
        self.exclusive = exclusive
        self.autoDelete = autoDelete
        self.passive = passive
        self.arguments = arguments
    }
}

package struct AMQPBinding: Hashable, Sendable {
    package var exchange: String
    package var routingKey: String
    package var arguments: AMQPTable

    package init(exchange: String, routingKey: String, arguments: AMQPTable = [:]) {
        self.exchange = exchange
        self.routingKey = routingKey
        self.arguments = arguments
    }
}
