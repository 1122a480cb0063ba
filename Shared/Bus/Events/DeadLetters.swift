import AMQP
import Contracts
import Foundation

/// What an operator does with the dead letters of a service, over a connection of its own.
package struct DeadLetters: Sendable {
    private let endpoint: AMQPEndpoint
    private let service: ServiceName

    package init(_ endpoint: AMQPEndpoint, of service: ServiceName) {
        var endpoint = endpoint
        endpoint.connectionName = "\(service) dead letters"
        (self.endpoint, self.service) = (endpoint, service)
    }

    /// Which letters are meant.
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

    /// The oldest letters; they stay.
    package func list(limit: Int = 100) async throws -> [DeadLetter] {
        try await AMQPAdmin.run(endpoint) { [service] admin in
            try Self.declare(service, admin)
            var letters: [DeadLetter] = []
            var held: [AMQPDeliveryTag] = []
            while letters.count < limit, let delivery = try admin.get(fromQueue: Queues.dead(service)) {
                letters.append(DeadLetter(delivery))
                held.append(delivery.tag)
            }
            try Self.giveBack(held, service, admin)
            return letters
        }
    }

    /// Gives letters back to the queues they came from, for another five attempts; how many. Whatever happens, each is in one queue at least.
    package func replay(_ selection: Selection) async throws -> Int {
        try await take(selection) { [service] letter, delivery, admin in
            try admin.publish(letter.replay(delivery, service: service))
        }
    }

    /// Forgets letters; how many.
    package func drop(_ selection: Selection) async throws -> Int { try await take(selection) { _, _, _ in } }

    /// Those there now, not those that come meanwhile: a replayed event may fail again.
    private func take(
        _ selection: Selection, _ body: @escaping @Sendable (DeadLetter, AMQPDelivery, AMQPAdmin) throws -> Void
    ) async throws -> Int {
        try await AMQPAdmin.run(endpoint) { [service] admin in
            try Self.declare(service, admin)
            var taken = 0
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
                taken += 1
            }
            try Self.giveBack(held, service, admin)
            return taken
        }
    }

    /// Puts letters that were only looked at back, and waits until they are there: the broker does it some time after it was told to, and the
    /// next command must find them. Does not wait for ever, since another operator may take them at once.
    private static func giveBack(_ held: [AMQPDeliveryTag], _ service: ServiceName, _ admin: AMQPAdmin) throws {
        guard !held.isEmpty else { return }
        let queue = Queues.dead(service)
        let expected = try admin.status(ofQueue: queue).messages + held.count
        for tag in held { try admin.reject(tag, requeue: true) }
        let deadline = ContinuousClock.now + .seconds(5)
        while try admin.status(ofQueue: queue).messages < expected, ContinuousClock.now < deadline {
            Thread.sleep(forTimeInterval: 0.002)
        }
    }

    private static func declare(_ service: ServiceName, _ admin: AMQPAdmin) throws {
        for declaration in Queues.deadLetters(of: service) { try admin.declare(declaration) }
    }
}
