import Bus
import BusTesting
import Contracts
import Synchronization
import TestSupport
import Testing

@testable import Realtime

@Suite("Deliveries that follow routes", .timeLimit(.minutes(3))) struct RoutedDeliveryTests {
    private static let users = (1...200).map { UserID(rawValue: $0) }

    @Test("by the routes a large delivery is divided; with outdated routes nothing is lost")
    func divided() async throws {
        let large = Self.delivery(String(repeating: "x", count: DeliveryParts.bytesForAll / 2))
        try await RoutedWorld.with { world in
            let (one, two) = (world.one, world.two)
            var sent = 0
            try await eventually("a divided delivery") {
                try await world.chats.deliver(large)
                sent += 1
                try await eventually("its parts") { one.all.count == sent && two.all.count == sent ? () : nil }
                return one.lastRecipients.isDisjoint(with: two.lastRecipients)
                    && one.lastRecipients.union(two.lastRecipients) == Set(Self.users) ? () : nil
            }
            // The first instance now owns everything; the routes are outdated.
            try await one.feed.bind(RoutedWorld.high)
            try await two.feed.unbind(RoutedWorld.high)
            let before = one.all.count
            try await world.chats.deliver(large)
            try await eventually("both parts") { one.all.count == before + 2 ? () : nil }
            #expect(Set(one.all.suffix(2).flatMap(\.items).flatMap(\.recipients)) == Set(Self.users))

            world.routes.change(to: RoutedWorld.routes(2, [RoutedWorld.all, PartitionSet()]))
            try await world.config.broadcast(RoutesChanged(epoch: 2))
            try await eventually("an undivided delivery") {
                try await world.chats.deliver(large)
                return one.lastRecipients == Set(Self.users) ? () : nil
            }
            // A small one arrives also at an instance without recipients.
            let small = Self.delivery("small")
            try await two.feed.unbind(RoutedWorld.all)
            try await world.chats.deliver(small)
            for heard in [one, two] { try await eventually("the small delivery") { heard.all.last == small ? () : nil } }
        }
    }

    private static func delivery(_ frame: String) -> Delivery {
        Delivery(items: [Delivery.Item(recipients: users, frame: frame)])
    }
}

/// Two instances with half of the partitions each, and a publisher of `chats` that follows the routes of
/// `config`.
private struct RoutedWorld {
    static let low = PartitionSet(0..<180)
    static let high = PartitionSet(180..<360)
    static let all = PartitionSet(0..<360)

    let config: Bus
    let chats: DeliveryPublisher
    let routes: ServedRoutes
    let one: Heard
    let two: Heard

    static func with(_ body: (RoutedWorld) async throws -> Void) async throws {
        let (one, two, routes) = (Heard(), Heard(), ServedRoutes(Self.routes(1, [low, high])))
        try await TestBroker.with { broker in
            try await broker.bus(.config, register: { $0.serve(GetRoutes.self) { _, _ in routes.current } }) { config in
                try await broker.messaging(1, one) { _ in
                    try await broker.messaging(2, two) { _ in
                        try await one.feed.bind(low)
                        try await two.feed.bind(high)
                        try await following(broker) { chats in
                            try await body(RoutedWorld(config: config, chats: chats, routes: routes, one: one, two: two))
                        }
                    }
                }
            }
        }
    }

    /// Lends a publisher that follows a running route table.
    private static func following(_ broker: TestBroker, _ body: (DeliveryPublisher) async throws -> Void) async throws {
        let tables = ValueRecorder<RouteTable>()
        let follow = { (bus: Bus, deliveries: DeliveryPublisher) in
            let table = RouteTable(bus: bus, logger: TestBroker.logger)
            bus.subscribe(table.subscription)
            deliveries.follow(table)
            tables.add(table)
        }
        try await broker.publisher(of: .chats, register: follow) { _, chats in
            let watching = Task { for table in tables.all { try await table.run() } }
            defer { watching.cancel() }
            try await body(chats)
        }
    }

    static func routes(_ epoch: Int64, _ sets: [PartitionSet]) -> Routes {
        Routes(
            epoch: epoch, partitionCount: 360,
            instances: sets.enumerated().map { .init(name: "m\($0.offset)", url: "ws://m", partitions: $0.element) })
    }
}

/// The routes that `config` answers.
private final class ServedRoutes: Sendable {
    private let state: Mutex<Routes>

    init(_ routes: Routes) { state = Mutex(routes) }

    var current: Routes { state.withLock(\.self) }

    func change(to routes: Routes) { state.withLock { $0 = routes } }
}
