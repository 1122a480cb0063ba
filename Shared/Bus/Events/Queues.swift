import AMQP
import Contracts

/// The queues of events: their names and arguments.
enum Queues {
    static func work(_ service: ServiceName, _ purpose: String) -> String { "\(service).work.\(purpose)" }
    static func dead(_ service: ServiceName) -> String { "\(service).dead" }

    /// A quorum queue that loses nothing: rejected events become dead letters at least once, and a full queue
    /// rejects further ones instead of dropping old ones.
    static func workQueue(_ service: ServiceName, _ purpose: String) -> AMQPQueue {
        AMQPQueue(
            work(service, purpose),
            arguments: [
                "x-queue-type": "quorum", "x-overflow": "reject-publish", "x-max-length": 1_000_000,
                "x-max-length-bytes": 1_073_741_824, "x-dead-letter-exchange": .string(Exchange.dead),
                "x-dead-letter-routing-key": .string(service.rawValue), "x-dead-letter-strategy": "at-least-once",
                // For events that kill the process before the inbox counts a failure.
                "x-delivery-limit": 50,
            ])
    }

    /// The queue of a service's dead letters, with its binding.
    static func deadLetters(of service: ServiceName) -> [AMQPDeclaration] {
        let queue = AMQPQueue(
            dead(service),
            arguments: [
                "x-queue-type": "quorum", "x-overflow": "reject-publish", "x-max-length-bytes": 1_073_741_824,
                // Listing a letter is a delivery, and later releases of the broker drop messages after
                // twenty.
                "x-delivery-limit": 1_000_000_000,
            ])
        return [
            .queue(queue),
            .bind(queue: queue.name, AMQPBinding(exchange: Exchange.dead, routingKey: service.rawValue)),
        ]
    }

    /// The queue of one subscription of a process, which disappears with the process. Beyond its limit the
    /// broker drops the oldest events.
    static func subscription(_ number: Int, of instance: String, _ service: ServiceName) -> AMQPQueue {
        AMQPQueue(
            "\(service).broadcast.\(instance).\(number)", durable: false, exclusive: true, autoDelete: true,
            arguments: ["x-max-length": 100_000])
    }
}
