import Metrics

/// What operators watch. An instance that does not lead says 0 of everything but its own counts.
struct RoutingMetrics: Sendable {
    private let leads = Gauge(label: "martlet_routing_leads")
    private let members = Gauge(label: "martlet_routing_members")
    private let moving = Gauge(label: "martlet_routing_handovers")
    private let unserved = Gauge(label: "martlet_routing_partitions_unserved")
    private let epoch = Gauge(label: "martlet_routing_epoch")
    private let moves = Counter(label: "martlet_routing_moves")
    private let deaths = Counter(label: "martlet_routing_deaths")
    private let refused = Counter(label: "martlet_routing_writes_refused")

    func show(_ state: LeaderState) {
        guard state.term != nil, let table = state.table else { return showNothing() }
        leads.record(1)
        members.record(state.members.count)
        moving.record(table.handovers.count)
        unserved.record(table.unserved)
        epoch.record(table.epoch)
    }

    func showNothing() { for gauge in [leads, members, moving, unserved] { gauge.record(0) } }

    /// Counts what a change did: each partition that begins its way to somebody.
    func count(_ change: LeaderState.Change) {
        moves.increment(by: change.after.handovers.count { change.before.handovers[$0.key]?.next != $0.value.next })
        deaths.increment(by: change.dead.count)
    }

    func countRefusedWrite() { refused.increment() }
}
