import AMQP
import Bus
import Contracts
import Foundation
import ServiceLifecycle
import TestSupport

@testable import Users

/// The users service of one test on a virtual host of its own, as others meet it: over the bus.
struct BusWorld: Sendable {
    let world: World
    let bff: Bus
    let chats: Bus

    static func with(_ body: (BusWorld) async throws -> Void) async throws {
        try await World.with { world async throws in
            try await VirtualHost.with { host async throws in
                try await prepare(host)
                let users = bus(.users, host)
                let world = BusWorld(world: world, bff: bus(.bff, host), chats: bus(.chats, host))
                let (one, buses) = (world.world.one, [users, world.bff, world.chats])
                UsersService(
                    accounts: one.accounts, sessions: one.sessions, profiles: one.profiles, contacts: one.contacts, keys: one.keys
                ).serve(on: users)
                let group = ServiceGroup(services: buses, logger: World.logger)
                let life = Task.detached { try await group.run() }
                let result: Result<Void, any Error>
                do {
                    for bus in buses { try await bus.started() }
                    result = .success(try await body(world))
                } catch {
                    result = .failure(error)
                }
                await group.triggerGracefulShutdown()
                try await life.value
                try await VirtualHost.management("DELETE", "users/\(host.name)")
                try result.get()
            }
        }
    }

    private static func bus(_ service: ServiceName, _ host: VirtualHost) -> Bus {
        let endpoint = AMQPEndpoint(
            host: TestStack.rabbitmq.host, port: TestStack.rabbitmq.port, vhost: host.name, user: host.name, password: "bus",
            connectionName: "test")
        return Bus(
            BusConfiguration(service: service, instance: "\(service)-1", endpoint: endpoint), on: World.io, logger: World.logger)
    }

    /// Exchanges, and a user who may speak for any service.
    private static func prepare(_ host: VirtualHost) async throws {
        try await VirtualHost.management("PUT", "users/\(host.name)", body: #"{"password":"bus","tags":"impersonator"}"#)
        try await VirtualHost.management(
            "PUT", "permissions/\(host.name)/\(host.name)", body: #"{"configure":".*","write":".*","read":".*"}"#)
        for (name, kind) in [("rpc", "topic"), ("replies", "direct"), ("events", "topic"), ("dead", "topic")] {
            try await VirtualHost.management(
                "PUT", "exchanges/\(host.name)/martlet.\(name)", body: #"{"type":"\#(kind)","durable":true}"#)
        }
    }
}
