import AMQP
import Contracts

/// The queues of events: their names and what they are made of.
enum Queues {
    static func work(_ service: ServiceName, _ purpose: String) -> String { "\(service).work.\(purpose)" }
    static func dead(_ service: ServiceName) -> String { "\(service).dead" }

    /// Quorum, and nothing is lost: what is given up goes to the dead letters at least once, and a full queue refuses instead of dropping.
    static func workQueue(_ service: ServiceName, _ purpose: String) -> AMQPQueue {
        AMQPQueue(
            work(service, purpose),
            arguments: [
                "x-queue-type": "quorum", "x-overflow": "reject-publish", "x-max-length": 1_000_000,
                "x-max-length-bytes": 1_073_741_824, "x-dead-letter-exchange": .string(Exchange.dead),
                "x-dead-letter-routing-key": .string(service.rawValue), "x-dead-letter-strategy": "at-least-once",
                // Failures are counted in the inbox; this is for events that kill the process before it can count.
                "x-delivery-limit": 50,
            ])
    }

    /// The queue of a service's dead letters, with its binding.
    static func deadLetters(of service: ServiceName) -> [AMQPDeclaration] {
        let queue = AMQPQueue(
            dead(service),
            arguments: [
                "x-queue-type": "quorum", "x-overflow": "reject-publish", "x-max-length-bytes": 1_073_741_824,
                // Looking at a letter is a delivery; later releases of the broker would drop it after twenty.
                "x-delivery-limit": 1_000_000_000,
            ])
        return [
            .queue(queue),
            .bind(queue: queue.name, AMQPBinding(exchange: Exchange.dead, routingKey: service.rawValue)),
        ]
    }

    /// For one process, and gone with it. What it does not take in time is dropped from the old end, after very much.
    static func broadcast(_ service: ServiceName, _ instance: String, _ number: Int) -> AMQPQueue {
        AMQPQueue(
            "\(service).broadcast.\(instance).\(number)", durable: false, exclusive: true, autoDelete: true,
            arguments: ["x-max-length": 100_000])
    }
}
