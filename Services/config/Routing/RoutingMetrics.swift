import Metrics

/// The metrics of routing. An instance that does not lead reports 0 in every gauge.
struct RoutingMetrics: Sendable {
    private let leads = Gauge(label: "martlet_routing_leads")
    private let members = Gauge(label: "martlet_routing_members")
    private let handovers = Gauge(label: "martlet_routing_handovers")
    private let unserved = Gauge(label: "martlet_routing_partitions_unserved")
    private let epoch = Gauge(label: "martlet_routing_epoch")
    private let moves = Counter(label: "martlet_routing_moves")
    private let deaths = Counter(label: "martlet_routing_deaths")
    private let refused = Counter(label: "martlet_routing_writes_refused")

    func record(_ state: LeaderState) {
        guard state.term != nil, let table = state.table else { return reset() }
        leads.record(1)
        members.record(state.members.count)
        handovers.record(table.handovers.count)
        unserved.record(table.unserved)
        epoch.record(table.epoch)
    }

    func reset() { for gauge in [leads, members, handovers, unserved] { gauge.record(0) } }

    /// Counts each handover that begins with the change, and each dead member.
    func count(_ change: RoutingChange) {
        moves.increment(by: change.after.handovers.count { change.before.handovers[$0.key]?.next != $0.value.next })
        deaths.increment(by: change.dead.count)
    }

    func countRefusedWrite() { refused.increment() }
}
