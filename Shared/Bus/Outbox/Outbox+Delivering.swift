import Contracts
import Logging
import Reactor
import Synchronization

/// What of a service's facts is shown to live connections, and how.
final class OutboxDelivering: Sendable {
    typealias Make = @Sendable ([OutboxEvent]) async throws -> Delivery

    struct Rule: Sendable {
        var types: Set<EventType> = []
        var make: Make = { _ in Delivery(items: []) }
    }

    /// Deliveries that are being made at once: what arrives meanwhile shares the next one, and one that takes long does not hold up all others.
    static let atOnce = 2
    /// Events of one delivery.
    static let batchSize = 256

    let publisher: DeliveryPublisher
    private let rule = Mutex(Rule())

    init(_ publisher: DeliveryPublisher) { self.publisher = publisher }

    var types: Set<EventType> { rule.withLock { $0.types } }
    var make: Make { rule.withLock { $0.make } }

    func set(_ rule: Rule) { self.rule.withLock { $0 = rule } }
}

extension Outbox {
    /// Has facts of some types shown to live connections, by this process right after the commit or by whoever sweeps: a row goes when both the fact and its
    /// delivery are confirmed. What fails is left to the sweeper, which does both again. Before it runs.
    ///
    /// - Parameter make: what is shown of these facts, and to whom, after the commit; the events are 1–256, in the order of their commits. What it cannot make
    ///   anything of it leaves out; when it throws, all of them are left to the sweeper.
    package nonisolated func deliver(
        _ types: [any Event.Type], _ make: @escaping @Sendable ([OutboxEvent]) async throws -> Delivery
    ) {
        delivering.set(OutboxDelivering.Rule(types: Set(types.map { $0.type }), make: make))
    }

    /// Begins with as many as may be made now; those that were given up meanwhile are left out.
    func makeDeliveries(of events: [OutboxEvent] = []) {
        undelivered.append(contentsOf: events)
        while deliveriesBeingMade < OutboxDelivering.atOnce, !undelivered.isEmpty {
            let batch = undelivered.prefix(OutboxDelivering.batchSize).filter { line.isKnown($0.id) }
            undelivered.removeFirst(min(OutboxDelivering.batchSize, undelivered.count))
            if batch.isEmpty { continue }
            deliveriesBeingMade += 1
            Task(executorPreference: io) { await self.make(batch) }
        }
    }

    private func make(_ events: [OutboxEvent]) async {
        do {
            let delivery = try await delivering.make(events)
            await delivering.publisher.send(delivery) { [weak self] error in
                self?.assumeIsolated { $0.delivered(events, isConfirmed: error == nil) }
            }
        } catch {
            logger.warning("facts are delivered later", metadata: ["events": "\(events.count)", "error": "\(error)"])
            delivered(events, isConfirmed: false)
        }
        deliveriesBeingMade -= 1
        makeDeliveries()
    }

    private func delivered(_ events: [OutboxEvent], isConfirmed: Bool) {
        for event in events { if isConfirmed { line.delivered(event.id) } else { line.notDelivered(event.id) } }
        if line.hasConfirmed { scheduleRemoval() }
        noteIdle()
    }
}
