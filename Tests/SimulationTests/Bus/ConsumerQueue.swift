import Contracts

@testable import Bus

/// A durable queue of one type of event. Delivers each event to some consumer until one acknowledges it, in
/// no order.
final class ConsumerQueue {
    /// Acknowledges the event.
    typealias Acknowledge = () -> Void

    let type: EventType
    private let simulator: Simulator
    private let delay: () -> Int64
    private let duplicates: () -> Bool
    private var consumers: [(host: Host, handle: (OutboxEvent, @escaping Acknowledge) -> Void)] = []
    private(set) var count = 0

    init(_ type: EventType, _ simulator: Simulator, broker: Broker) {
        self.type = type
        self.simulator = simulator
        delay = { broker.delay }
        duplicates = { simulator.happens(broker.faults.duplicate) }
        broker.add(self)
    }

    func add(_ host: Host, _ handle: @escaping (OutboxEvent, @escaping Acknowledge) -> Void) {
        consumers.append((host, handle))
    }

    func accept(_ event: OutboxEvent) {
        count += 1
        var isDone = false
        deliver(event, isDone: { isDone }) {
            if !isDone { self.count -= 1 }
            isDone = true
        }
    }

    /// The time in milliseconds after which the queue takes a silent consumer for lost and delivers again.
    private static let acknowledgementTimeout: Int64 = 5_000

    private func deliver(_ event: OutboxEvent, isDone: @escaping () -> Bool, _ acknowledge: @escaping Acknowledge) {
        if isDone() { return }
        for _ in 0..<(duplicates() ? 2 : 1) {
            simulator.after(delay()) {
                let present = self.consumers.filter(\.host.isUp)
                if present.isEmpty { return }
                let consumer = self.simulator.oneOf(present)
                consumer.host.after(0) { consumer.handle(event, acknowledge) }
            }
        }
        simulator.after(Self.acknowledgementTimeout) { self.deliver(event, isDone: isDone, acknowledge) }
    }
}
