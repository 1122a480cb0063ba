import Contracts
import Edge
import Logging
import NIOWebSocket
import Synchronization

/// Whose users these are: what the lease, the assignment and the feed of deliveries mean for those who are connected.
extension Hub {
    /// An answer to a heartbeat: moves those away who belong elsewhere now.
    ///
    /// - Parameter findingRoutes: called when there are such, to learn where to; the lease holds and the new assignment counts before that.
    func take(
        _ answer: Heartbeat.Response, asked: ContinuousClock.Instant, findingRoutes: @Sendable () async -> Void = {}
    ) async {
        let before = ownership.served
        guard ownership.take(answer, asked: asked) else { return }
        if !ownership.served.subtracting(before).isEmpty { order.partitionsCame() }
        outage.leaseIsBack()
        lookAtOutage(now: .now)
        parting = PartitionSet(elsewhere.map { ownership.partition(of: $0.value.line.userID) })
        if !parting.isEmpty || isAwaitedInVain(now: .now) { await findingRoutes() }
        parting = PartitionSet()
        moveAway()
        lookAtWaiting(now: .now)
    }

    private var elsewhere: [Line.ID: Entry] {
        let served = ownership.served
        return entries.filter { !served.contains(ownership.partition(of: $0.value.line.userID)) }
    }

    /// Whether somebody waits for a partition that went to another instance.
    private func isAwaitedInVain(now: ContinuousClock.Instant) -> Bool {
        waiting.contains { ownership.verdict(on: ownership.partition(of: $0.guest.caller.userID), at: now) == .elsewhere }
    }

    /// Nobody can give anything away at the moment.
    func keepLease(for lease: Duration, asked: ContinuousClock.Instant) { ownership.extend(by: lease, asked: asked) }

    private func moveAway() {
        for (id, entry) in elsewhere {
            figures.noteMoved()
            let user = entry.line.userID
            let partition = ownership.partition(of: user)
            let url = address(partition)
            if let port = entry.port { leaving[ObjectIdentifier(port)] = partition }
            presence.assumeIsolated { $0.moved(user) }
            dismiss(id, .moved, ServerFrame.disconnect("moved", url: url, afterMilliseconds: Self.spread()))
        }
    }

    /// Partitions whose users we may accept, or still have.
    var held: PartitionSet {
        isClosed ? PartitionSet() : ownership.served.union(PartitionSet(leaving.values)).union(parting)
    }

    /// Returns what a heartbeat and its evaluation need, in one read.
    func report() -> GatewayReport {
        GatewayReport(
            epoch: ownership.epoch, held: held, assigned: ownership.wanted, leaseEnd: ownership.leaseUntil,
            connections: figures.connections.load(ordering: .relaxed))
    }

    /// Calls `body` whenever the last connection of partitions that moved elsewhere is closed.
    func onConnectionsReleased(_ body: @escaping @Sendable () -> Void) { connectionsReleased = body }

    /// Sessions have ended.
    func cut(_ revoked: [SessionID]) {
        for session in revoked {
            for id in sessions[session] ?? [] { dismiss(id, .revoked, ServerFrame.disconnect("revoked", afterMilliseconds: 0)) }
        }
    }

    // MARK: Outages

    /// Deliveries come from now on.
    func feedIsBack() {
        outage.feedIsBack()
        lookAtOutage(now: .now)
    }

    /// Deliveries may be missed from now on.
    func feedIsLost() {
        order.interrupt()
        outage.feedIsLost(at: .now)
        lookAtOutage(now: .now)
    }

    /// Tells everybody who may have missed something, once nothing is missed any more; and after too long a time lets them go.
    func lookAtOutage(now: ContinuousClock.Instant) {
        let hasLease = ownership.hasLease(at: now)
        isOpen.store(hasLease && outage.hasFeed && !isClosed, ordering: .relaxed)
        outage.note(hasLease: hasLease, at: now)
        outage.note(knowsSessions: revocations.areFresh, at: now)
        switch outage.verdict(at: now, patience: limits.outage) {
        case .nothing: break
        case .tellGap:
            if !entries.isEmpty { logger.notice("everybody may have missed something", metadata: ["lines": "\(entries.count)"]) }
            for id in Array(entries.keys) { tellGap(id) }
        case .letGo: letGo()
        }
    }

    /// Everybody, with 1001.
    func letGo() {
        for id in Array(entries.keys) {
            dismiss(id, .goingAway, ServerFrame.disconnect("shutdown", afterMilliseconds: Self.spread()))
        }
        for newcomer in waiting { turnAway(newcomer.port) }
        waiting = []
    }

    /// The end: nobody is let in any more.
    func close() async {
        letGo()
        isClosed = true
        isOpen.store(false, ordering: .relaxed)
        await presence.close()
    }

    /// Once a second.
    func tick(now: ContinuousClock.Instant) {
        presence.assumeIsolated { $0.tick(now: now) }
        takeThresholds()
        forgetParked(now: now)
        lookAtWaiting(now: now)
        lookAtOutage(now: now)
        lookAtCongestion(now: now)
        figures.record(partitions: ownership.hasLease(at: now) ? ownership.served.count : 0)
    }
}
