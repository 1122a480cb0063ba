import Bus
import BusTesting
import Contracts
import Foundation
import Reactor
import TestSupport
import Testing

@testable import Realtime

/// A feed that records its deliveries.
final class Heard: Sendable {
    let feed: DeliveryFeed
    let states: ValueRecorder<String>
    let senders: ValueRecorder<ServiceName>
    private let deliveries: ValueRecorder<Delivery>

    init(maximumBytes: Int64 = 64 << 20, stopsAtFirst: DispatchSemaphore? = nil) {
        let (states, senders, deliveries) = (ValueRecorder<String>(), ValueRecorder<ServiceName>(), ValueRecorder<Delivery>())
        self.states = states
        self.senders = senders
        self.deliveries = deliveries
        feed = DeliveryFeed(
            maximumBytes: maximumBytes, onStart: { states.add("start") }, onLost: { states.add("lost") },
            onDelivery: { delivery, sender in
                if deliveries.count == 0 { stopsAtFirst?.wait() }
                deliveries.add(delivery)
                senders.add(sender)
            })
    }

    var all: [Delivery] { deliveries.all }
    var frames: [String] { all.flatMap(\.items).map(\.frame) }
    /// The recipients of the last delivery's first item.
    var lastRecipients: Set<UserID> { Set(all.last?.items.first?.recipients ?? []) }
}

extension TestBroker {
    /// Runs `body` with a bus of `service` and a publisher on it.
    func publisher<Result>(
        of service: ServiceName, register: (Bus, DeliveryPublisher) -> Void = { _, _ in },
        _ body: (Bus, DeliveryPublisher) async throws -> Result
    ) async throws -> Result {
        var made: DeliveryPublisher?
        return try await bus(
            service,
            register: { bus in
                let publisher = DeliveryPublisher(bus)
                register(bus, publisher)
                made = publisher
            }
        ) { bus in try await body(bus, try #require(made)) }
    }

    /// Runs `body` with an instance of `messaging` that receives the deliveries of a feed.
    func messaging<Result>(
        _ number: Int, _ heard: Heard, on io: IOThread = TestBroker.io, while body: (Bus) async throws -> Result
    ) async throws -> Result {
        try await bus(.messaging, instance: "messaging-\(number)", on: io, register: { $0.subscribe(heard.feed) }, body)
    }

    /// Waits until the queues of all instances are empty.
    func queuesAreEmpty() async throws {
        for number in 1...3 {
            try await eventually("an empty queue") {
                let path = "queues/\(host.name)/messaging.delivery.messaging-\(number)"
                struct Queue: Decodable { var messages: Int? }
                return try JSONDecoder().decode(Queue.self, from: try await VirtualHost.management("GET", path)).messages == 0
                    ? () : nil
            }
        }
    }
}
