import Foundation
import Logging
import Reactor
import ServiceLifecycle
import TestSupport

@testable import AMQP

let io = IOThread(name: "amqp-tests")
let silent = Logger(label: "amqp-tests") { _ in SwiftLogNoOpLogHandler() }

extension AMQPEndpoint {
    /// The test broker, with its administrator's account.
    static func broker(_ host: VirtualHost, port: Int? = nil) -> AMQPEndpoint {
        let server = TestStack.rabbitmq
        var endpoint = AMQPEndpoint(
            host: server.host, port: port ?? server.port, vhost: host.name, user: server.user, password: server.password,
            connectionName: "amqp test")
        // Many tests log in at the broker at the same time.
        if port == nil { endpoint.connectTimeout = .seconds(60) }
        return endpoint
    }

    /// A peer that the test provides.
    static func peer(_ port: Int) -> AMQPEndpoint {
        var endpoint = AMQPEndpoint(host: "127.0.0.1", port: port, user: "u", password: "p", connectionName: "amqp test")
        endpoint.backoff = .milliseconds(1)...(.milliseconds(20))
        endpoint.drainTimeout = .zero
        return endpoint
    }
}

/// Runs a connection during `body`, then stops it gracefully.
func withConnection<Result>(
    _ endpoint: AMQPEndpoint, _ body: (AMQPConnection) async throws -> Result
) async throws -> Result {
    let connection = AMQPConnection(endpoint, on: io, logger: silent)
    let group = ServiceGroup(services: [connection], logger: silent)
    let run = Task.detached { try await group.run() }
    do {
        let result = try await body(connection)
        await group.triggerGracefulShutdown()
        try await run.value
        return result
    } catch {
        run.cancel()
        _ = try? await run.value
        throw error
    }
}

/// Runs `body` with a connection to the test broker, in a virtual host of its own.
func withBroker<Result>(
    change: (inout AMQPEndpoint) -> Void = { _ in }, _ body: (AMQPConnection, VirtualHost) async throws -> Result
) async throws -> Result {
    try await VirtualHost.with { host in
        var endpoint = AMQPEndpoint.broker(host)
        change(&endpoint)
        return try await withConnection(endpoint) { try await body($0, host) }
    }
}

extension AMQPConnection {
    /// Opens a channel and waits until it is open.
    func opened(_ setup: AMQPChannelSetup = AMQPChannelSetup(name: "test")) async throws -> AMQPChannel {
        let channel = openChannel(setup)
        try await channel.opened()
        return channel
    }
}

extension AMQPChannel {
    /// Runs `body` on the I/O thread, like code of the bus.
    func onThread<Result: Sendable>(_ body: @escaping @Sendable (AMQPChannel) throws -> Result) async throws -> Result {
        try await Task(executorPreference: io) { try body(self) }.value
    }

    /// Publishes and returns the error; `nil` when confirmed.
    func failure(_ message: AMQPMessage) async -> AMQPError? {
        do throws(AMQPError) {
            try await publish(message)
            return nil
        } catch {
            return error
        }
    }
}

extension AMQPMessage {
    /// Returns a message to one queue.
    static func to(_ queue: String, _ body: String = "hello", mandatory: Bool = true) -> AMQPMessage {
        AMQPMessage(exchange: "", routingKey: queue, mandatory: mandatory, body: Array(body.utf8))
    }
}

extension AMQPDelivery {
    var text: String { String(decoding: body, as: UTF8.self) }
}

extension VirtualHost {
    func admin<Result: Sendable>(_ body: @escaping @Sendable (AMQPAdmin) throws -> Result) async throws -> Result {
        try await AMQPAdmin.run(.broker(self), body)
    }

    func messages(in queue: String) async throws -> Int { try await admin { try $0.status(ofQueue: queue).messages } }

    /// Makes the broker close every connection of this host, once there is one.
    func closeConnections() async throws {
        struct Connection: Decodable { var name: String }
        try await eventually("a connection") {
            let data = try await Self.management("GET", "vhosts/\(name)/connections")
            let connections = try JSONDecoder().decode([Connection].self, from: data)
            for connection in connections {
                let path = connection.name.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
                _ = try? await Self.management("DELETE", "connections/\(path)")
            }
            return connections.isEmpty ? nil : ()
        }
    }
}
