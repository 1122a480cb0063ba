import AMQP
import Contracts

/// Shows an operator the events that a service could not handle, gives them back to their queue, or forgets them.
package struct DeadLetters: Sendable {
    package struct Letter: Sendable {
        package let id: String
        package let type: String
        /// The work queue that it comes from.
        package let queue: String
        package let reason: String
        package let bytes: Int
    }

    package enum Selection: Sendable {
        case all
        /// By their event ids.
        case events(Set<String>)
    }

    /// Letters looked at in one go.
    private static let atOnce = 10_000

    private let endpoint: AMQPEndpoint
    private let service: ServiceName

    package init(_ endpoint: AMQPEndpoint, of service: ServiceName) {
        (self.endpoint, self.service) = (endpoint, service)
    }

    /// - Parameter limit: letters at the most, oldest first.
    /// - Throws: ``AMQPError``.
    package func list(limit: Int) async throws -> [Letter] {
        try await AMQPAdmin.run(endpoint) { [self] admin in
            var letters: [Letter] = []
            try forEach(admin, atMost: limit) { _, letter in letters.append(letter) }
            return letters
        }
    }

    /// Gives letters back to their work queues; each is taken away only once the broker has it there.
    ///
    /// - Returns: how many.
    package func replay(_ selection: Selection) async throws -> Int {
        try await AMQPAdmin.run(endpoint) { [self] admin in
            var count = 0
            try forEach(admin) { delivery, letter in
                guard selection.includes(letter) else { return }
                var properties = delivery.properties
                properties.headers[DeadLetterQueue.reasonHeader] = nil
                properties.headers["x-death"] = nil
                properties.userID = nil
                try admin.publish(
                    AMQPMessage(
                        exchange: Exchange.dead, routingKey: letter.queue, mandatory: true, properties: properties,
                        body: delivery.body))
                try admin.acknowledge(delivery.tag)
                count += 1
            }
            return count
        }
    }

    /// Forgets letters for good.
    ///
    /// - Returns: how many.
    package func drop(_ selection: Selection) async throws -> Int {
        try await AMQPAdmin.run(endpoint) { [self] admin in
            var count = 0
            try forEach(admin) { delivery, letter in
                guard selection.includes(letter) else { return }
                try admin.acknowledge(delivery.tag)
                count += 1
            }
            return count
        }
    }

    /// What is not acknowledged goes back when the session ends.
    private func forEach(_ admin: AMQPAdmin, atMost limit: Int = atOnce, _ body: (AMQPDelivery, Letter) throws -> Void) throws {
        let queue = DeadLetterQueue.name(of: service)
        for declaration in DeadLetterQueue.declarations(of: service) { try admin.declare(declaration) }
        for _ in 0..<limit {
            guard let delivery = try admin.get(fromQueue: queue) else { return }
            try body(delivery, Letter(delivery))
        }
    }
}

extension DeadLetters.Letter {
    fileprivate init(_ delivery: AMQPDelivery) {
        let headers = delivery.properties.headers
        id = headers["cloudEvents_id"]?.string ?? delivery.properties.messageID ?? ""
        type = headers["cloudEvents_type"]?.string ?? delivery.routingKey
        // Without our header the broker itself gave up: it says so in its own.
        queue = headers[DeadLetterQueue.queueHeader]?.string ?? headers["x-first-death-queue"]?.string ?? ""
        reason = headers[DeadLetterQueue.reasonHeader]?.string ?? headers["x-first-death-reason"]?.string ?? ""
        bytes = delivery.body.count
    }
}

extension DeadLetters.Selection {
    fileprivate func includes(_ letter: DeadLetters.Letter) -> Bool {
        switch self {
        case .all: true
        case .events(let ids): ids.contains(letter.id)
        }
    }
}
