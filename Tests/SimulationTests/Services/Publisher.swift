import Postgres

@testable import Bus

/// The part of `Outbox` around ``OutboxState``, on a simulated host: publishes the events of its own commits
/// and sweeps up those that other processes have left.
final class Publisher {
    private let host: Host
    private let rows: OutboxRows
    private let broker: Broker
    private let database: DatabaseLink
    private var outbox = OutboxState()

    init(_ host: Host, rows: OutboxRows, broker: Broker, database: DatabaseLink) {
        self.host = host
        self.rows = rows
        self.broker = broker
        self.database = database
    }

    func begin() {
        outbox = OutboxState()
        sweep()
    }

    func committed(_ events: [OutboxEvent]) {
        outbox.add(events)
        pump()
    }

    private func pump() {
        while let event = outbox.next() {
            let life = host.life
            broker.publish(event) { outcome in
                self.host.after(0) { if life == self.host.life { self.settle(event.id, outcome) } }
            }
        }
    }

    private func settle(_ id: EventID, _ outcome: Broker.Outcome) {
        if outcome == .confirmed { outbox.confirmed(id) } else { outbox.failed(id) }
        host.after(20) { self.remove() }
        pump()
    }

    private func remove() {
        guard let ids = outbox.startRemoval() else { return }
        database.run({ self.rows.remove(ids) }) { (result: Result<Void, PostgresError>) in
            guard case .success = result else { return self.outbox.notRemoved(ids) }
            self.outbox.removed()
            self.remove()
        }
    }

    private func sweep() {
        host.after(host.simulator.between(800, 1_200)) { self.sweep() }
        let room = min(16, outbox.room)
        if room == 0 { return }
        database.run({ self.rows.claim(atMost: room) }) { (result: Result<[OutboxEvent], PostgresError>) in
            if case .success(let events) = result { self.committed(events) }
            self.remove()
        }
    }
}

/// The table `outbox` of a service, with the statements of `Shared/Bus/Outbox/OutboxStore.swift`.
final class OutboxRows {
    private var rows: [(event: OutboxEvent, claimedAt: Int64)] = []
    private let simulator: Simulator

    init(_ simulator: Simulator) { self.simulator = simulator }

    var count: Int { rows.count }

    /// Inserts events in the transaction that they describe.
    func insert(_ events: [OutboxEvent]) { rows += events.map { ($0, simulator.now) } }

    /// Claims events that were not published within two seconds. No other process claims them for ten
    /// seconds.
    func claim(atMost limit: Int) -> [OutboxEvent] {
        let old = rows.indices.filter { rows[$0].claimedAt < simulator.now - 2_000 }
        let claimed = old.sorted { (rows[$0].claimedAt, $0) < (rows[$1].claimedAt, $1) }.prefix(limit)
        for index in claimed { rows[index].claimedAt = simulator.now + 8_000 }
        return claimed.map { rows[$0].event }
    }

    func remove(_ ids: [EventID]) { rows.removeAll { ids.contains($0.event.id) } }
}
