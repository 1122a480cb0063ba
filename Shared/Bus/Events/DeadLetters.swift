import AMQP
import Contracts
import Foundation

/// The dead letters of a service, for an operator. Each operation uses a connection of its own.
package struct DeadLetters: Sendable {
    private let endpoint: AMQPEndpoint
    private let service: ServiceName

    package init(_ endpoint: AMQPEndpoint, of service: ServiceName) {
        var endpoint = endpoint
        endpoint.connectionName = "\(service) dead letters"
        self.endpoint = endpoint
        self.service = service
    }

    /// Which letters an operation applies to.
    package enum Selection: Sendable {
        case all
        /// By event id.
        case events(Set<String>)

        func contains(_ letter: DeadLetter) -> Bool {
            switch self {
            case .all: true
            case .events(let ids): ids.contains(letter.id)
            }
        }
    }

    /// Returns the oldest letters, which stay in their queue.
    package func list(limit: Int = 100) async throws -> [DeadLetter] {
        try await AMQPAdmin.run(endpoint) { [service] admin in
            try Self.declareQueue(of: service, admin)
            var letters: [DeadLetter] = []
            var held: [AMQPDeliveryTag] = []
            while letters.count < limit, let delivery = try admin.get(fromQueue: Queues.dead(service)) {
                letters.append(DeadLetter(delivery))
                held.append(delivery.tag)
            }
            try Self.requeue(held, of: service, admin)
            return letters
        }
    }

    /// Moves letters back to their queues, for another five attempts. After an error each letter is in one
    /// queue at least.
    ///
    /// - Returns: the number of letters.
    package func replay(_ selection: Selection) async throws -> Int {
        try await remove(selection) { [service] letter, delivery, admin in
            try admin.publish(letter.replay(delivery, service: service))
        }
    }

    /// Deletes letters.
    ///
    /// - Returns: the number of letters.
    package func drop(_ selection: Selection) async throws -> Int { try await remove(selection) { _, _, _ in } }

    /// Removes the selected letters, each after `body` has returned. Letters that arrive meanwhile are left
    /// out, since a replayed event may fail again.
    private func remove(
        _ selection: Selection, after body: @escaping @Sendable (DeadLetter, AMQPDelivery, AMQPAdmin) throws -> Void
    ) async throws -> Int {
        try await AMQPAdmin.run(endpoint) { [service] admin in
            try Self.declareQueue(of: service, admin)
            var removed = 0
            var held: [AMQPDeliveryTag] = []
            for _ in 0..<(try admin.status(ofQueue: Queues.dead(service)).messages) {
                guard let delivery = try admin.get(fromQueue: Queues.dead(service)) else { break }
                let letter = DeadLetter(delivery)
                guard selection.contains(letter) else {
                    held.append(delivery.tag)
                    continue
                }
                try body(letter, delivery, admin)
                try admin.acknowledge(delivery.tag)
                removed += 1
            }
            try Self.requeue(held, of: service, admin)
            return removed
        }
    }

    /// Requeues letters and waits until they are back, so that the next command finds them: the broker
    /// requeues them some time after the request. Waits for at most five seconds, since another operator may
    /// remove them meanwhile.
    private static func requeue(_ held: [AMQPDeliveryTag], of service: ServiceName, _ admin: AMQPAdmin) throws {
        guard !held.isEmpty else { return }
        let queue = Queues.dead(service)
        let expected = try admin.status(ofQueue: queue).messages + held.count
        for tag in held { try admin.reject(tag, requeue: true) }
        let deadline = ContinuousClock.now + .seconds(5)
        while try admin.status(ofQueue: queue).messages < expected, ContinuousClock.now < deadline {
            Thread.sleep(forTimeInterval: 0.002)
        }
    }

    private static func declareQueue(of service: ServiceName, _ admin: AMQPAdmin) throws {
        for declaration in Queues.deadLetters(of: service) { try admin.declare(declaration) }
    }
}
