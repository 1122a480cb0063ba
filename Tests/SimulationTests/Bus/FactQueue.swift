import Contracts

@testable import Bus

/// A durable queue of one kind of fact: what it has taken in comes to some consumer, again until that says it is done with it. In no order.
final class FactQueue {
    /// Says that the fact is done with.
    typealias Done = () -> Void

    let type: EventType
    private let simulator: Simulator
    private let delay: () -> Int64
    private let doubles: () -> Bool
    private var consumers: [(host: Host, take: (OutboxEvent, @escaping Done) -> Void)] = []
    private(set) var count = 0

    init(_ type: EventType, _ simulator: Simulator, _ broker: Broker) {
        (self.type, self.simulator) = (type, simulator)
        delay = { broker.delay }
        doubles = { simulator.happens(broker.weather.double) }
        broker.add(self)
    }

    func add(_ host: Host, _ take: @escaping (OutboxEvent, @escaping Done) -> Void) { consumers.append((host, take)) }

    func take(_ event: OutboxEvent) {
        count += 1
        var isDone = false
        deliver(event, isDone: { isDone }) {
            if !isDone { self.count -= 1 }
            isDone = true
        }
    }

    /// A consumer that is silent for so long has lost its connection, as far as this queue is concerned.
    private static let patience: Int64 = 5_000

    private func deliver(_ event: OutboxEvent, isDone: @escaping () -> Bool, _ done: @escaping Done) {
        if isDone() { return }
        for _ in 0..<(doubles() ? 2 : 1) {
            simulator.after(delay()) {
                let present = self.consumers.filter(\.host.isUp)
                if present.isEmpty { return }
                let consumer = self.simulator.oneOf(present)
                consumer.host.after(0) { consumer.take(event, done) }
            }
        }
        simulator.after(Self.patience) { self.deliver(event, isDone: isDone, done) }
    }
}
