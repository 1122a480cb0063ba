@testable import Bus

/// The table `outbox` of a service, as `Shared/Bus/Outbox/OutboxStore.swift` works on it.
final class OutboxRows {
    private var rows: [(event: OutboxEvent, claimedAt: Int64)] = []
    private let simulator: Simulator

    init(_ simulator: Simulator) { self.simulator = simulator }

    var count: Int { rows.count }

    /// Part of the transaction that the events tell of.
    func insert(_ events: [OutboxEvent]) { rows += events.map { ($0, simulator.now) } }

    /// Those that nobody has published for two seconds; nobody else takes them for ten.
    func claim(atMost limit: Int) -> [OutboxEvent] {
        let old = rows.indices.filter { rows[$0].claimedAt < simulator.now - 2_000 }
        let claimed = old.sorted { (rows[$0].claimedAt, $0) < (rows[$1].claimedAt, $1) }.prefix(limit)
        for place in claimed { rows[place].claimedAt = simulator.now + 8_000 }
        return claimed.map { rows[$0].event }
    }

    func remove(_ ids: [EventID]) { rows.removeAll { ids.contains($0.event.id) } }
}
