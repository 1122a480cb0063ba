import AMQP
import Bus
import Contracts
import Foundation
import Realtime
import ServiceLifecycle
import Synchronization
import TestSupport

@testable import Users

/// The users service of one test, called over the bus on a virtual host of its own.
struct BusWorld: Sendable {
    let world: World
    let bff: Bus
    let chats: Bus
    let messaging: Bus
    /// The deliveries to an instance of `messaging` that owns all partitions, in order of arrival.
    let shown = ValueRecorder<Delivery.Item>()
    /// The events of users that bff has received, by type.
    let heard: Heard

    static func with(_ body: (BusWorld) async throws -> Void) async throws {
        try await VirtualHost.with { host async throws in
            try await prepare(host)
            let users = bus(.users, host)
            try await World.with(bus: users) { world async throws in
                let world = BusWorld(
                    world: world, bff: bus(.bff, host), chats: bus(.chats, host), messaging: bus(.messaging, host), heard: Heard()
                )
                await world.watch()
                world.world.outbox.deliver(ContactDeliveries.types, through: DeliveryPublisher(users)) {
                    try ContactDeliveries.delivery(of: $0)
                }
                world.service.serve(on: users, logger: World.logger)
                world.world.one.accounts.cache.listen(on: users)
                world.heard.listen(on: world.bff)
                let services: [any Service] = [users, world.bff, world.chats, world.messaging, world.world.outbox]
                try await running(services) {
                    for bus in [users, world.bff, world.chats, world.messaging] { try await bus.started() }
                    try await body(world)
                }
            }
            try await VirtualHost.management("DELETE", "users/\(host.name)")
        }
    }

    private func watch() async {
        let feed = DeliveryFeed { [shown] delivery, _ in for item in delivery.items { shown.add(item) } }
        // The binding is made with the first connection.
        try? await feed.bind(PartitionSet(0..<Partitioning.usualCount))
        messaging.subscribe(feed)
    }

    private var service: UsersService {
        let one = world.one
        return UsersService(
            accounts: one.accounts, sessions: one.sessions, profiles: one.profiles, contacts: one.contacts,
            presence: one.presence, keys: one.keys)
    }

    private static func running(_ services: [any Service], _ body: () async throws -> Void) async throws {
        let group = ServiceGroup(services: services, logger: World.logger)
        let life = Task.detached { try await group.run() }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        await group.triggerGracefulShutdown()
        try await life.value
        try result.get()
    }

    private static func bus(_ service: ServiceName, _ host: VirtualHost) -> Bus {
        let endpoint = AMQPEndpoint(
            host: TestStack.rabbitmq.host, port: TestStack.rabbitmq.port, vhost: host.name, user: host.name, password: "bus",
            connectionName: "test")
        return Bus(
            BusConfiguration(service: service, instance: "\(service)-1", endpoint: endpoint), on: World.io, logger: World.logger)
    }

    /// Declares the exchanges, and a broker user that may impersonate any service.
    private static func prepare(_ host: VirtualHost) async throws {
        try await VirtualHost.management("PUT", "users/\(host.name)", body: #"{"password":"bus","tags":"impersonator"}"#)
        try await VirtualHost.management(
            "PUT", "permissions/\(host.name)/\(host.name)", body: #"{"configure":".*","write":".*","read":".*"}"#)
        try await host.makeExchanges()
    }
}

/// Records the events of users that arrive over the bus.
final class Heard: Sendable {
    private let events = Mutex<[EventType: [any Event]]>([:])

    func all<E: Event>(_ type: E.Type) -> [E] { events.withLock { $0[E.type] ?? [] }.compactMap { $0 as? E } }

    func listen(on bus: Bus) {
        var feed = EventSubscription()
        hear(UserRegistered.self, in: &feed)
        hear(UserUpdated.self, in: &feed)
        hear(SessionStarted.self, in: &feed)
        hear(SessionsRevoked.self, in: &feed)
        hear(PasswordChanged.self, in: &feed)
        hear(ContactChanged.self, in: &feed)
        hear(BlockChanged.self, in: &feed)
        bus.subscribe(feed)
    }

    private func hear<E: Event>(_: E.Type, in feed: inout EventSubscription) {
        feed.on(E.self) { event, _ in self.events.withLock { $0[E.type, default: []].append(event) } }
    }
}
