import Postgres

@testable import Bus

/// What `Outbox` does around ``OutboxState``, on a simulated host: publishes what was just committed, and sweeps up what others have left.
final class Publisher {
    private let host: Host
    private let rows: OutboxRows
    private let broker: Broker
    private let wire: Wire
    private var line = OutboxState()

    init(_ host: Host, _ rows: OutboxRows, _ broker: Broker, _ wire: Wire) {
        (self.host, self.rows, self.broker, self.wire) = (host, rows, broker, wire)
    }

    func begin() {
        line = OutboxState()
        sweep()
    }

    func committed(_ events: [OutboxEvent]) {
        line.add(events)
        pump()
    }

    private func pump() {
        while let event = line.next() {
            let life = host.life
            broker.publish(event) { outcome in
                self.host.after(0) { if life == self.host.life { self.settle(event.id, outcome) } }
            }
        }
    }

    private func settle(_ id: EventID, _ outcome: Broker.Outcome) {
        if outcome == .confirmed { line.confirmed(id) } else { line.failed(id) }
        host.after(20) { self.remove() }
        pump()
    }

    private func remove() {
        guard let ids = line.takeForRemoval() else { return }
        wire.ask({ self.rows.remove(ids) }) { (result: Result<Void, PostgresError>) in
            guard case .success = result else { return self.line.notRemoved(ids) }
            self.line.removed()
            self.remove()
        }
    }

    private func sweep() {
        host.after(host.simulator.between(800, 1_200)) { self.sweep() }
        let room = min(16, line.room)
        if room == 0 { return }
        wire.ask({ self.rows.claim(atMost: room) }) { (result: Result<[OutboxEvent], PostgresError>) in
            if case .success(let events) = result { self.committed(events) }
            self.remove()
        }
    }
}
