import AMQP
import BusTesting
import Contracts
import Synchronization
import TestSupport
import Testing

@testable import Bus
@testable import Realtime

@Suite("The outbox and deliveries", .timeLimit(.minutes(3))) struct OutboxDeliveryTests {
    @Test("a committed event is published and delivered, and its row is removed after both")
    func committed() async throws {
        try await with { world, bus, deliveries, shown in
            let (outbox, gate) = (world.outbox(bus), OneShotSignal<Void>())
            outbox.deliver([UserRenamed.self], through: deliveries) { events in
                await gate.value
                return Self.delivery(events)
            }
            outbox.committed([try await world.commit("Ada")])
            _ = try await world.heard(1)
            #expect(try await world.rows == 1 && shown.count == 0)
            gate.send()
            try await eventually("it is shown") { shown.all == ["Ada"] ? () : nil }
            try await world.tableIsEmpty()
        }
    }

    @Test("after a crash between commit and delivery the sweeper delivers from the stored row")
    func crash() async throws {
        try await with { world, bus, deliveries, shown in
            let outbox = world.outbox(bus)
            outbox.deliver([UserRenamed.self], through: deliveries) { Self.delivery($0) }
            _ = try await world.commit("Ada")
            try await world.age()
            _ = await outbox.sweep()
            try await eventually("it is shown") { shown.all == ["Ada"] ? () : nil }
            try await world.tableIsEmpty()
        }
    }

    @Test("a failed delivery does not delay the event; the sweeper repeats both")
    func again() async throws {
        try await with { world, bus, deliveries, shown in
            let (outbox, failures) = (world.outbox(bus), ValueRecorder<Int>())
            outbox.deliver([UserRenamed.self], through: deliveries) { events in
                if failures.count == 0 {
                    failures.add(events.count)
                    throw ServiceError(.unavailable, "the recipients are unknown")
                }
                return Self.delivery(events)
            }
            outbox.committed([try await world.commit("Ada")])
            let first = try await world.heard(1)
            // Its confirm may arrive later, and an event that is being published is not swept.
            try await eventually("it is given up") { await outbox.state.isIdle ? () : nil }
            #expect(failures.all == [1] && shown.count == 0)
            #expect(try await world.rows == 1)
            try await world.age()
            _ = await outbox.sweep()
            let second = try await world.heard(1)
            #expect(first.map(\.properties.messageID) == second.map(\.properties.messageID))
            try await eventually("it is shown") { shown.all == ["Ada"] ? () : nil }
            try await world.tableIsEmpty()
        }
    }

    @Test("a slow delivery delays neither events nor later deliveries; events that arrive meanwhile share one")
    func slow() async throws {
        try await with { world, bus, deliveries, shown in
            let (outbox, gate, sizes) = (world.outbox(bus), OneShotSignal<Void>(), ValueRecorder<Int>())
            outbox.deliver([UserRenamed.self], through: deliveries) { events in
                sizes.add(events.count)
                if events.contains(where: { $0.subject == "1" }) { await gate.value }
                return Self.delivery(events)
            }
            outbox.committed([try await world.commit("slow")])
            outbox.committed([try await world.commit("quick", id: 2)])
            try await eventually("the quick one") { shown.all == ["quick"] ? () : nil }
            var events: [OutboxEvent] = []
            for number in 0..<20 { events.append(try await world.commit("\(number)", id: 3)) }
            outbox.committed(events)
            _ = try await world.heard(22)
            try await eventually("the others") { shown.count == 21 ? () : nil }
            #expect(sizes.all == [1, 1, 20])
            #expect(try await world.rows >= 1)
            gate.send()
            try await world.tableIsEmpty()
        }
    }

    @Test("a stopping bus first delivers the committed events")
    func stopping() async throws {
        try await with { world, _, _, shown in
            try await world.broker.publisher(of: .chats) { bus, deliveries in
                let outbox = world.outbox(bus)
                outbox.deliver([UserRenamed.self], through: deliveries) { Self.delivery($0) }
                for number in 0..<300 { outbox.committed([try await world.commit("\(number)")]) }
            }
            #expect(try await world.rows == 0)
            try await eventually("all") { Set(shown.all).count == 300 ? () : nil }
        }
    }

    private static func delivery(_ events: [OutboxEvent]) -> Delivery {
        Delivery(
            items: events.compactMap { $0.decoded(as: UserRenamed.self) }.map {
                Delivery.Item(recipients: [$0.id], frame: $0.name)
            })
    }

    /// Lends a bus and a publisher of `users`, and the frames that an instance of `messaging` with all
    /// partitions receives.
    private func with(_ body: (EventWorld, Bus, DeliveryPublisher, ValueRecorder<String>) async throws -> Void) async throws {
        try await EventWorld.with { world in
            try await world.declareListener()
            let shown = ValueRecorder<String>()
            let feed = DeliveryFeed { delivery, _ in for item in delivery.items { shown.add(item.frame) } }
            try await world.broker.bus(.messaging, register: { $0.subscribe(feed) }) { _ in
                try await feed.bind(PartitionSet(0..<360))
                try await world.broker.publisher(of: .users) { bus, deliveries in
                    try await body(world, bus, deliveries, shown)
                }
            }
        }
    }
}
