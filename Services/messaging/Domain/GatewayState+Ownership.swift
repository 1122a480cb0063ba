import Contracts

/// What the assignment of partitions, the lease and the delivery feed mean for the connected clients.
extension GatewayState {
    enum AssignmentOutcome {
        /// The assignment is older than the present one; nothing has changed.
        case outdated
        case applied
        /// Clients must be redirected: read the routes first.
        case needsRoutes
    }

    /// Applies the answer to a heartbeat. Unless it is outdated, ``redirectClients(given:)`` must follow.
    ///
    /// - Parameter sentAt: when the heartbeat was sent; the lease runs from then.
    mutating func apply(
        _ answer: Heartbeat.Response, sentAt: ContinuousClock.Instant, given inputs: some GatewayInputs
    ) -> AssignmentOutcome {
        let before = ownership.served
        guard ownership.apply(answer, sentAt: sentAt) else { return .outdated }
        if !ownership.served.subtracting(before).isEmpty { sequencer.recordNewPartitions() }
        evaluateOutage(given: inputs)
        partitionsToRelease = PartitionSet(clientsToRedirect.compactMap { sessions[connection: $0]?.partition })
        return partitionsToRelease.isEmpty && !hasMisplacedConnection(now: inputs.now) ? .applied : .needsRoutes
    }

    /// Disconnects clients of partitions that another instance owns, each with that instance's URL.
    mutating func redirectClients(given inputs: some GatewayInputs) {
        partitionsToRelease = PartitionSet()
        for id in clientsToRedirect {
            guard let user = sessions[id]?.userID,
                let (partition, socket) = sessions[connection: id].map({ ($0.partition, $0.socket) })
            else { continue }
            emit(.record(.clientMoved))
            if let socket { redirected[socket] = partition }
            emit(.changePresence(.moved(user)))
            let (url, delay) = (inputs.url(of: partition), inputs.reconnectDelay())
            disconnect(id, .moved, lastFrame: ServerFrame.disconnect("moved", url: url, afterMilliseconds: delay))
        }
        evaluatePendingConnections(given: inputs)
    }

    private var clientsToRedirect: [ClientSession.ID] {
        sessions.ids { !ownership.served.contains($0.partition) }
    }

    /// Whether a pending connection waits for a partition that another instance owns.
    private func hasMisplacedConnection(now: ContinuousClock.Instant) -> Bool {
        pending.contains { ownership.verdict(on: ownership.partition(of: $0.userID), at: now) == .elsewhere }
    }

    /// Extends the lease while `config` cannot reassign partitions.
    mutating func extendLease(by lease: Duration, sentAt: ContinuousClock.Instant) {
        ownership.extend(by: lease, sentAt: sentAt)
    }

    /// Disconnects the clients of sessions that have ended.
    mutating func revoke(_ revoked: [SessionID]) {
        for session in revoked {
            for id in sessions.ids(of: session) {
                disconnect(id, .revoked, lastFrame: ServerFrame.disconnect("revoked", afterMilliseconds: 0))
            }
        }
    }

    // MARK: Outages

    mutating func restoreFeed(given inputs: some GatewayInputs) {
        outage.restore(.feed)
        evaluateOutage(given: inputs)
    }

    /// Deliveries may be missed from now on.
    mutating func loseFeed(given inputs: some GatewayInputs) {
        sequencer.interrupt()
        outage.lose(.feed, at: inputs.now)
        evaluateOutage(given: inputs)
    }

    /// After an outage, sends `gap` to all sessions; disconnects them if it lasts too long.
    mutating func evaluateOutage(given inputs: some GatewayInputs) {
        recordPrerequisites(given: inputs)
        accept(handshakes: ownership.hasLease(at: inputs.now) && outage.has(.feed) && !isClosed)
        switch outage.evaluate(at: inputs.now, patience: limits.outage) {
        case .nothing: break
        case .sendGap:
            if !sessions.isEmpty { emit(.record(.deliveryGap(sessions: sessions.count))) }
            for id in sessions.ids { sendGap(to: id, given: inputs) }
        case .disconnectAll: disconnectAll(given: inputs)
        }
    }

    mutating func recordPrerequisites(given inputs: some GatewayInputs) {
        outage.record(hasLease: ownership.hasLease(at: inputs.now), at: inputs.now)
        outage.record(knowsRevocations: inputs.knowsRevocations, at: inputs.now)
    }

    private mutating func disconnectAll(given inputs: some GatewayInputs) {
        for id in sessions.ids {
            let text = ServerFrame.disconnect("shutdown", afterMilliseconds: inputs.reconnectDelay())
            disconnect(id, .goingAway, lastFrame: text)
        }
        for connection in pending { reject(connection.socket, given: inputs) }
        pending = []
    }

    /// Disconnects all clients, and accepts none from now on.
    mutating func close(given inputs: some GatewayInputs) {
        disconnectAll(given: inputs)
        isClosed = true
        accept(handshakes: false)
    }
}
