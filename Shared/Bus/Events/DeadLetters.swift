import AMQP
import Contracts

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
            while letters.count < limit, let delivery = try admin.get(fromQueue: Queues.dead(service)) {
                letters.append(DeadLetter(delivery))
            }
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
            for _ in 0..<(try admin.status(ofQueue: Queues.dead(service)).messages) {
                guard let delivery = try admin.get(fromQueue: Queues.dead(service)) else { break }
                let letter = DeadLetter(delivery)
                guard selection.contains(letter) else { continue }
                try body(letter, delivery, admin)
                try admin.acknowledge(delivery.tag)
                taken += 1
            }
            return taken
        }
    }

    private static func declare(_ service: ServiceName, _ admin: AMQPAdmin) throws {
        for declaration in Queues.deadLetters(of: service) { try admin.declare(declaration) }
    }
}
