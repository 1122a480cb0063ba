import AMQP
import Bus
import Contracts
import Foundation
import Logging
import Reactor
import ServiceLifecycle
import TestSupport

/// A virtual host with the exchanges of the bus, and a user who may do everything in it, also in the name of any service.
///
/// Broker users are global and the services' own names taken, so tests speak for services as an impersonator. The permissions are tested apart.
package struct TestBroker: Sendable {
    package let host: VirtualHost

    package static let io = IOThread(name: "bus-tests")
    package static let logger = Logger(label: "bus-tests") { _ in SwiftLogNoOpLogHandler() }

    package static func with<Result>(_ body: (TestBroker) async throws -> Result) async throws -> Result {
        try await VirtualHost.with { host in
            let broker = TestBroker(host: host)
            try await broker.addUser(host.name, configure: ".*", write: ".*", read: ".*")
            try await broker.host.makeExchanges()
            do {
                let result = try await body(broker)
                try await VirtualHost.management("DELETE", "users/\(host.name)")
                return result
            } catch {
                _ = try? await VirtualHost.management("DELETE", "users/\(host.name)")
                throw error
            }
        }
    }

    package func endpoint(user: String? = nil) -> AMQPEndpoint {
        let server = TestStack.rabbitmq
        var endpoint = AMQPEndpoint(
            host: server.host, port: server.port, vhost: host.name, user: user ?? host.name, password: "bus",
            connectionName: "test")
        // Many tests log in at the same broker at the same time.
        endpoint.connectTimeout = .seconds(60)
        return endpoint
    }

    package func addUser(_ name: String, configure: String, write: String, read: String) async throws {
        try await VirtualHost.management("PUT", "users/\(name)", body: #"{"password":"bus","tags":"impersonator"}"#)
        let permissions = try JSONEncoder().encode(["configure": configure, "write": write, "read": read])
        try await VirtualHost.management(
            "PUT", "permissions/\(host.name)/\(name)", body: String(decoding: permissions, as: UTF8.self))
    }

    /// A bus of `service`; runs while `body` does, then stops as a service stops.
    package func bus<Result>(
        _ service: ServiceName, instance: String? = nil, on io: IOThread = TestBroker.io,
        configure: (inout BusConfiguration) -> Void = { _ in }, register: (Bus) -> Void = { _ in },
        _ body: (Bus) async throws -> Result
    ) async throws -> Result {
        let bus = Bus(configuration(service, instance, configure), on: io, logger: Self.logger)
        register(bus)
        let group = ServiceGroup(services: [bus], logger: Self.logger)
        let life = Task.detached { try await group.run() }
        do {
            try await bus.started()
            let result = try await body(bus)
            await group.triggerGracefulShutdown()
            try await life.value
            return result
        } catch {
            life.cancel()
            _ = try? await life.value
            throw error
        }
    }

    package func configuration(
        _ service: ServiceName, _ instance: String?, _ configure: (inout BusConfiguration) -> Void
    ) -> BusConfiguration {
        var configuration = BusConfiguration(service: service, instance: instance ?? "\(service)-1", endpoint: endpoint())
        configuration.drainTimeout = .seconds(60)
        configure(&configuration)
        return configuration
    }

    /// Closes the connections whose names begin so from the broker's side, once they are known there.
    package func closeConnections(named prefix: String) async throws {
        struct Connection: Decodable {
            var name: String
            /// As the client calls itself.
            var ownName: String?
            enum CodingKeys: String, CodingKey {
                case name
                case ownName = "user_provided_name"
            }
        }
        try await eventually("a connection named \(prefix)") {
            let data = try await VirtualHost.management("GET", "vhosts/\(host.name)/connections")
            let names = try JSONDecoder().decode([Connection].self, from: data).filter {
                $0.ownName?.hasPrefix(prefix) == true
            }
            for connection in names {
                let name = connection.name.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
                _ = try? await VirtualHost.management("DELETE", "connections/\(name)")
            }
            return names.isEmpty ? nil : ()
        }
    }

    /// Does one thing with a raw client.
    package func raw<Result: Sendable>(_ body: @escaping @Sendable (AMQPAdmin) throws -> Result) async throws -> Result {
        try await AMQPAdmin.run(endpoint(), body)
    }
}
