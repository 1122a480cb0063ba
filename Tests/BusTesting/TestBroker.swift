import AMQP
import Bus
import Contracts
import Foundation
import Logging
import Reactor
import ServiceLifecycle
import TestSupport

/// A virtual host with the exchanges of the bus, and a user with all rights in it who may impersonate any
/// service.
///
/// Users of the broker are global and the names of the services are in use, hence the impersonation. Other
/// tests cover the permissions.
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
        // Many tests log in at the same time.
        endpoint.connectTimeout = .seconds(60)
        return endpoint
    }

    package func addUser(_ name: String, configure: String, write: String, read: String) async throws {
        try await VirtualHost.management("PUT", "users/\(name)", body: #"{"password":"bus","tags":"impersonator"}"#)
        let permissions = try JSONEncoder().encode(["configure": configure, "write": write, "read": read])
        try await VirtualHost.management(
            "PUT", "permissions/\(host.name)/\(name)", body: String(decoding: permissions, as: UTF8.self))
    }

    /// Runs a bus of `service` while `body` runs, then stops it as a service does.
    package func bus<Result>(
        _ service: ServiceName, instance: String? = nil, on io: IOThread = TestBroker.io,
        configure: (inout BusConfiguration) -> Void = { _ in }, register: (Bus) -> Void = { _ in },
        _ body: (Bus) async throws -> Result
    ) async throws -> Result {
        let bus = Bus(configuration(of: service, instance: instance, configure), on: io, logger: Self.logger)
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
        of service: ServiceName, instance: String? = nil, _ configure: (inout BusConfiguration) -> Void = { _ in }
    ) -> BusConfiguration {
        var configuration = BusConfiguration(service: service, instance: instance ?? "\(service)-1", endpoint: endpoint())
        configuration.drainTimeout = .seconds(60)
        configure(&configuration)
        return configuration
    }

    /// Closes the connections whose names start with `prefix` at the broker, once it knows them.
    package func closeConnections(named prefix: String) async throws {
        struct Connection: Decodable {
            var name: String
            /// The name that the client chose.
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

    /// Runs `body` with a client without the bus.
    package func raw<Result: Sendable>(_ body: @escaping @Sendable (AMQPAdmin) throws -> Result) async throws -> Result {
        try await AMQPAdmin.run(endpoint(), body)
    }
}
