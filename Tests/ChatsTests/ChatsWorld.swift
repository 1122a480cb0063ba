import AMQP
import Bus
import Contracts
import Logging
import Postgres
import Reactor
import Realtime
import Redis
import ServiceKit
import ServiceLifecycle
import Synchronization
import TestSupport

@testable import Chats

/// Two instances of chats on a virtual host of one test, with minimal versions of `users` and `idgen`, and a
/// `bff` that calls them.
struct ChatsWorld: Sendable {
    let database: ChatsDatabase
    let bff: Bus
    let users: Bus
    let messaging: Bus
    /// The deliveries to an instance of `messaging` that owns all partitions, in order of arrival.
    let shown: ValueRecorder<Delivery.Item>
    /// The events that `bff` has received, in order of arrival.
    let events: ReceivedEvents

    final class ReceivedEvents: Sendable {
        private let all = Mutex<[any Event]>([])
        var messages: [Message] { of(MessagesSent.self).flatMap(\.messages) }
        func of<E: Event>(_ kind: E.Type) -> [E] { all.withLock { $0.compactMap { $0 as? E } } }
        func append(_ event: some Event) { all.withLock { $0.append(event) } }
    }

    /// - Parameter redis: whether the second instance can reach Redis.
    static func with(redis hasRedis: Bool = true, _ body: (ChatsWorld) async throws -> Void) async throws {
        try await ChatsDatabase.with { one in
            try await one.another { other in
                try await VirtualHost.with { host in
                    try await prepare(host)
                    let world = ChatsWorld(
                        database: one, bff: bus(.bff, 1, on: host), users: bus(.users, 1, on: host),
                        messaging: bus(.messaging, 1, on: host), shown: ValueRecorder(), events: ReceivedEvents())
                    await world.watch()
                    let services =
                        world.neighbours(host) + instance(1, one, on: host) + instance(2, other, on: host, redis: hasRedis)
                    try await run(services.services, ready: services.buses + [world.bff, world.users, world.messaging]) {
                        try await body(world)
                    }
                    try await VirtualHost.management("DELETE", "users/\(host.name)")
                }
            }
        }
    }

    private typealias Parts = (services: [any Service], buses: [Bus])

    private func neighbours(_ host: VirtualHost) -> Parts {
        let idgen = Self.bus(.idgen, 1, on: host)
        idgen.serve(NextIDs.self) { request, _ in
            NextIDs.Response(ids: (0..<request.count).map { _ in NextIDs.RawID(rawValue: ChatsDatabase.id()) })
        }
        users.serve(GetProfiles.self) { request, _ in
            let known = request.ids.filter { $0 < ChatsProcess.unknown }
            return GetProfiles.Response(
                users: known.map { User(id: $0, username: "u\($0)", displayName: "U", createdAt: Timestamp(0)) })
        }
        var feed = EventSubscription()
        feed.on(MessagesSent.self) { [events] event, _ in events.append(event) }
        feed.on(ChatCreated.self) { [events] event, _ in events.append(event) }
        feed.on(ChatUpdated.self) { [events] event, _ in events.append(event) }
        feed.on(MemberChanged.self) { [events] event, _ in events.append(event) }
        feed.on(ReadMoved.self) { [events] event, _ in events.append(event) }
        bff.subscribe(feed)
        return ([idgen, users, bff, messaging], [idgen])
    }

    private func watch() async {
        let feed = DeliveryFeed { [shown] delivery, _ in for item in delivery.items { shown.add(item) } }
        // The bindings are made with the first connection.
        try? await feed.bind(PartitionSet(0..<Partitioning.usualCount))
        messaging.subscribe(feed)
    }

    private static func instance(
        _ number: Int, _ database: ChatsDatabase, on host: VirtualHost, redis hasRedis: Bool = true
    ) -> Parts {
        let bus = bus(.chats, number, on: host)
        var endpoint = RedisEndpoint(host: TestStack.redis.host, port: hasRedis ? TestStack.redis.port : 1)
        (endpoint.commandTimeout, endpoint.stallTimeout) = (.seconds(30), .seconds(30))
        let redis = RedisClient(endpoint, on: ChatsProcess.io, logger: .quiet)
        let outbox = Outbox(database.pool, bus: bus, logger: .quiet)
        let chats = ChatsService(
            database: database.pool, redis: redis, prefix: "\(host.name):", bus: bus, outbox: outbox,
            deliveries: DeliveryPublisher(bus), ids: IDSource(bus, on: ChatsProcess.io), on: ChatsProcess.io, logger: .quiet)
        return ([redis, outbox, chats, bus], [bus])
    }

    private static func bus(_ service: ServiceName, _ number: Int, on host: VirtualHost) -> Bus {
        let endpoint = AMQPEndpoint(
            host: TestStack.rabbitmq.host, port: TestStack.rabbitmq.port, vhost: host.name, user: host.name, password: "bus",
            connectionName: "test")
        return Bus(
            BusConfiguration(service: service, instance: "\(service)-\(number)", endpoint: endpoint), on: ChatsProcess.io,
            logger: .quiet)
    }

    /// Creates the exchanges and a user who may impersonate any service.
    private static func prepare(_ host: VirtualHost) async throws {
        try await VirtualHost.management("PUT", "users/\(host.name)", body: #"{"password":"bus","tags":"impersonator"}"#)
        try await VirtualHost.management(
            "PUT", "permissions/\(host.name)/\(host.name)", body: #"{"configure":".*","write":".*","read":".*"}"#)
        try await host.makeExchanges()
    }

    private static func run(_ services: [any Service], ready: [Bus], _ body: () async throws -> Void) async throws {
        let group = ServiceGroup(services: services, logger: .quiet)
        let life = Task.detached { try await group.run() }
        let result: Result<Void, any Error>
        do {
            for bus in ready { try await bus.started() }
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        await group.triggerGracefulShutdown()
        try await life.value
        try result.get()
    }

    // MARK: As the bff does

    func group(_ users: [UserID]) async throws -> ChatID {
        let request = CreateChat(creatorID: users[0], kind: .group, title: "group", members: Array(users.dropFirst()))
        return try await bff.call(request, deadline: .after(.seconds(60))).chat.id
    }

    /// Returns whether both instances return these messages. Calls alternate between them.
    func shows(_ messages: [Message], _ page: GetHistory) async throws -> Bool {
        for _ in 0..<4 {
            if try await bff.call(page).items != messages { return false }
        }
        return true
    }

    @discardableResult
    func send(_ text: String, from user: UserID, to chat: ChatID, key: String? = nil, replyTo: Int64? = nil) async throws
        -> SendMessage.Response
    {
        let key = ClientMessageID(rawValue: key ?? "key \(ChatsDatabase.id())")
        let request = SendMessage(senderID: user, chatID: chat, clientMessageID: key, text: text, replyTo: replyTo)
        return try await bff.call(request)
    }
}

private func + (one: ([any Service], [Bus]), other: ([any Service], [Bus])) -> (services: [any Service], buses: [Bus]) {
    (one.0 + other.0, one.1 + other.1)
}
