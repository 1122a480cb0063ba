import Contracts

@testable import Config
@testable import Messaging

/// An instance of `messaging`: its real rules of membership and ownership, with simulated heartbeats, sockets
/// and feed.
///
/// Every partition that it serves has connected clients, which is the worst case for a handover.
final class MessagingHost: SimulatedProcess {
    /// Only differences to it matter.
    private static let origin = ContinuousClock.now
    private static let heartbeatInterval = 500

    private let partitionCount: Int
    /// Sends a heartbeat through the broker.
    private let send: (Heartbeat, @escaping (Result<Heartbeat.Response, ServiceError>?) -> Void) -> Void
    /// Reads the routes through the broker.
    private let readRoutes: (@escaping (Routes?) -> Void) -> Void

    private var state: MembershipState
    private var ownership: PartitionOwnership
    /// Partitions with connections that are being closed; whether the right to them was held until the
    /// notice.
    private var closing: [Int: Bool] = [:]
    private var isGatewayClosed = false
    private(set) var isLeaving = false
    private var isSending = false
    private var heartbeatIsRequested = false
    private var isBinding = false
    private var isFeedRunning = false
    /// Partitions that the feed was asked to bind, as `DeliveryFeed.wanted`.
    private var requestedBindings = PartitionSet()
    /// Partitions that the broker has bound.
    private var feedBindings = PartitionSet()
    private(set) var isReady = false
    /// Its requests do not reach the broker.
    var isIsolated = false
    /// How often it began to accept the users of a partition.
    private(set) var acquired = 0

    init(
        _ name: String, _ network: SimulatedNetwork, partitionCount: Int,
        send: @escaping (Heartbeat, @escaping (Result<Heartbeat.Response, ServiceError>?) -> Void) -> Void,
        readRoutes: @escaping (@escaping (Routes?) -> Void) -> Void
    ) {
        self.partitionCount = partitionCount
        self.send = send
        self.readRoutes = readRoutes
        state = Self.state(name, run: 0, partitionCount)
        ownership = PartitionOwnership(partitionCount: partitionCount)
        super.init(name, network)
    }

    private static func state(_ name: String, run: Int, _ partitionCount: Int) -> MembershipState {
        MembershipState(
            MemberIdentity(instance: name, incarnation: "\(run)", url: "ws://\(name)", partitionCount: partitionCount))
    }

    // MARK: What holds for clients

    private var now: ContinuousClock.Instant { Self.origin + clock }
    var hasLease: Bool { isAlive && ownership.hasLease(at: now) }
    /// Partitions whose users it would admit now.
    var accepting: Set<Int> {
        // What `verdict` accepts, without asking it for every partition after every event.
        guard hasLease, !isPaused, !isGatewayClosed else { return [] }
        return ownership.served.members
    }
    /// Whether the deliveries of all `partitions` reach it. A lost feed is a known outage.
    func isBound(_ partitions: Set<Int>) -> Bool { !isFeedRunning || partitions.isSubset(of: feedBindings.members) }
    /// Partitions that it was assigned.
    var assigned: Set<Int> { isAlive && !isGatewayClosed ? ownership.served.members : [] }
    /// Partitions whose users it delivers to: a lease is valid, and the users connected under it or an
    /// earlier valid one.
    var delivering: Set<Int> {
        guard hasLease else { return [] }
        return closing.isEmpty ? assigned : assigned.union(closing.filter(\.value).keys)
    }

    // MARK: Life

    override func start() {
        super.start()
        state = Self.state(name, run: run, partitionCount)
        ownership = PartitionOwnership(partitionCount: partitionCount)
        closing = [:]
        requestedBindings = PartitionSet()
        isGatewayClosed = false
        isLeaving = false
        isSending = false
        heartbeatIsRequested = false
        isBinding = false
        isFeedRunning = false
        isReady = false
        later(network.number(1...30)) { [self] in startFeed() }
        updateRoutes()
        tick()
    }

    private func tick() {
        requestHeartbeat()
        later(Self.heartbeatInterval) { [self] in tick() }
    }

    // MARK: The delivery feed

    private func startFeed() {
        isFeedRunning = true
        feedBindings = requestedBindings
        perform(state.feedStarted(bound: requestedBindings))
    }

    /// The feed is lost and starts again.
    func loseFeed(for milliseconds: Int) {
        guard isAlive, isFeedRunning else { return }
        isFeedRunning = false
        state.feedLost()
        later(milliseconds) { [self] in startFeed() }
    }

    private func updateBindings() {
        if isBinding { return }
        let generation = state.feedGeneration
        switch state.nextBinding(requested: requestedBindings) {
        case .none: return
        case .bind(let partitions):
            requestedBindings = requestedBindings.union(partitions)
            changeBindings { [self] in
                feedBindings = feedBindings.union(partitions)
                perform(state.bound(partitions, in: generation))
            }
        case .unbind(let partitions):
            requestedBindings = requestedBindings.subtracting(partitions)
            feedBindings = feedBindings.subtracting(partitions)
            changeBindings {}
        }
    }

    /// A lost feed fails the change, and applies it when it starts.
    private func changeBindings(_ completed: @escaping () -> Void) {
        guard isFeedRunning else { return }
        isBinding = true
        later(network.number(1...40)) { [self] in
            isBinding = false
            guard isFeedRunning else { return }
            completed()
            updateBindings()
        }
    }

    // MARK: Routes

    /// A notice of new routes has arrived.
    func routesChanged() {
        requestHeartbeat()
        updateRoutes()
    }

    private func updateRoutes() {
        let run = run
        readRoutes { routes in
            self.resume(run) { [self] in
                guard let routes else { return }
                _ = state.routesRead(routes)
                checkDeparture()
            }
        }
    }

    // MARK: Heartbeats

    private func report() -> GatewayReport {
        let held = isGatewayClosed ? PartitionSet() : ownership.served.union(PartitionSet(closing.keys))
        return GatewayReport(
            epoch: ownership.epoch, held: held, assigned: ownership.assigned, leaseEnd: ownership.leaseEnd, connections: 0)
    }

    private func requestHeartbeat() {
        heartbeatIsRequested = true
        if !isSending, !isGatewayClosed { sendRequestedHeartbeat() }
    }

    private func sendRequestedHeartbeat() {
        guard heartbeatIsRequested else { return }
        heartbeatIsRequested = false
        isSending = true
        let isSent = sendHeartbeat { [self] in
            isSending = false
            if isGatewayClosed { sendFinalHeartbeat() } else { sendRequestedHeartbeat() }
        }
        if !isSent { isSending = false }
    }

    /// Returns false when the rules send none.
    private func sendHeartbeat(then completed: @escaping () -> Void) -> Bool {
        let load = Heartbeat.Load(connections: 0, cpu: 0, outboundBytes: 0)
        let (sentAt, run) = (now, run)
        guard let heartbeat = state.heartbeat(report(), load: load, canServe: true, at: sentAt) else { return false }
        send(heartbeat) { result in
            self.resume(run) { [self] in
                switch result {
                case .success(let response): perform(state.answered(response, sentAt: sentAt, at: now), after: heartbeat)
                case .failure(let error): failed(HeartbeatFailure(error), sentAt: sentAt)
                case nil: failed(HeartbeatFailure(ServiceError(.deadlineExceeded, "no answer")), sentAt: sentAt)
                }
                completed()
            }
        }
        return true
    }

    private func failed(_ failure: HeartbeatFailure, sentAt: ContinuousClock.Instant) {
        perform(state.failed(failure, sentAt: sentAt))
        perform(state.leaseChecked(isValid: report().hasLease(at: now), isConnected: true))
    }

    private func perform(_ actions: [MembershipState.Action], after heartbeat: Heartbeat? = nil) {
        for action in actions {
            switch action {
            case .sendHeartbeat: later(0) { [self] in requestHeartbeat() }
            case .sendHeartbeatAfter(let delay): later(delay.milliseconds) { [self] in requestHeartbeat() }
            case .applyAssignment(let response, let sentAt):
                if let heartbeat { apply(response, sentAt: sentAt, after: heartbeat) }
            case .extendLease(let lease, let sentAt): ownership.extend(by: lease, sentAt: sentAt)
            case .updateBindings: updateBindings()
            case .setReady(let isReady): self.isReady = isReady
            case .leaseGranted, .leaseLost, .partitionsReassigned: break
            }
        }
    }

    /// As the gateway does: users of partitions that were reassigned get a notice and are disconnected.
    private func apply(_ response: Heartbeat.Response, sentAt: ContinuousClock.Instant, after heartbeat: Heartbeat) {
        let (before, hadLease) = (ownership.served.members, ownership.hasLease(at: now))
        if !hadLease { for partition in closing.keys { closing[partition] = false } }
        if ownership.apply(response, sentAt: sentAt), !isGatewayClosed {
            // Sorted, because the iteration order of sets differs between processes.
            let reassigned = before.subtracting(ownership.served.members).sorted()
            for partition in reassigned { close(partition, isEntitled: hadLease) }
            acquired += ownership.served.members.subtracting(before).count
        }
        perform(state.assignmentApplied(report(), sent: heartbeat))
        checkDeparture()
    }

    private func close(_ partition: Int, isEntitled: Bool) {
        closing[partition] = isEntitled
        later(network.number(1...500)) { [self] in
            guard closing.removeValue(forKey: partition) != nil, closing.isEmpty else { return }
            perform(state.connectionsReleased())
            checkDeparture()
        }
    }

    // MARK: Departure

    func leave() {
        guard isAlive, !isLeaving else { return }
        isLeaving = true
        let run = run
        later(0) { [self] in
            perform(state.leave(report(), at: now))
            checkDeparture()
        }
        // The process ends after 25 s in any case.
        network.after(25_000) { [self] in if run == self.run { die() } }
    }

    private func checkDeparture() {
        guard isLeaving, !isGatewayClosed else { return }
        switch state.departureStep(report(), at: now) {
        case .wait(let end):
            let timeLeft = now.duration(to: end)
            later(max(1, timeLeft.milliseconds + 1)) { [self] in checkDeparture() }
        case .disconnect:
            isGatewayClosed = true
            closing = [:]
            sendFinalHeartbeat()
        }
    }

    /// As ``ClusterMembership`` does: the final heartbeat waits for the one in flight.
    private func sendFinalHeartbeat() {
        if isSending { return }
        isSending = true
        let isSent = sendHeartbeat { [self] in
            state.left()
            die()
        }
        if !isSent { die() }
    }
}
