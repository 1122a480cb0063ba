import Contracts

/// Identifies this instance among the members.
struct MemberIdentity: Sendable {
    /// Unique among the processes of the service.
    let instance: String
    /// Chosen at each start of the process.
    let incarnation: String
    let url: String
    let partitionCount: Int
}

/// What the gateway knows of its partitions, in one read.
struct GatewayReport: Hashable, Sendable {
    /// The highest epoch that it has applied.
    var epoch: Int64 = 0
    /// Partitions whose users it accepts or still has connections of.
    var held = PartitionSet()
    /// Partitions whose deliveries the applied assignment demands.
    var assigned = PartitionSet()
    /// When its lease ends; `nil` before the first lease.
    var leaseEnd: ContinuousClock.Instant?
    /// The number of open connections.
    var connections = 0

    func hasLease(at now: ContinuousClock.Instant) -> Bool { leaseEnd.map { now < $0 } ?? false }
}

/// What a heartbeat without an answer says about this instance's partitions.
enum HeartbeatFailure: Hashable, Sendable {
    /// No partition can be reassigned: no `config` runs, or `config` cannot reach Postgres and the leader
    /// knows it.
    case standstill
    /// Another instance of `config` can answer. Ask again at once.
    case askAnother
    /// `config` may be answering other members, and the leader may reassign this instance's partitions.
    case unanswered

    init(_ error: any Error) {
        switch (error as? ServiceError)?.cause {
        case .some(.noInstance), .some(.standstill): self = .standstill
        case .some(.elsewhere): self = .askAnother
        default: self = .unanswered
        }
    }
}

/// The rules of one instance's membership: when it sends heartbeats, what they contain, what follows from the
/// answers, and how it leaves. Without I/O: events come as calls with the time, and their consequences are
/// returned as actions.
///
/// The gateway owns the lease and the assignment, because it admits clients by them. This value decides when
/// they change.
struct MembershipState: Sendable {
    enum Action: Hashable, Sendable {
        case sendHeartbeat
        case sendHeartbeatAfter(Duration)
        /// Apply to the gateway, then call ``assignmentApplied(_:sent:)``. The lease starts at `sentAt`.
        case applyAssignment(Heartbeat.Response, sentAt: ContinuousClock.Instant)
        /// Extend a lease that was valid at `sentAt`, to `sentAt` plus the duration.
        case extendLease(by: Duration, sentAt: ContinuousClock.Instant)
        /// Bind or unbind partitions until ``nextBinding(requested:)`` returns `none`.
        case updateBindings
        case setReady(Bool)
        case leaseGranted
        case leaseLost
        /// These partitions have another owner, or none, by the routes.
        case partitionsReassigned(PartitionSet)
    }

    enum DepartureStep: Hashable, Sendable {
        /// Check again after the next event, at the latest at this time.
        case wait(until: ContinuousClock.Instant)
        /// Disconnect the remaining clients and send the final heartbeat.
        case disconnect
    }

    private enum Stage {
        case active
        case leaving(Departure)
        /// Set after the final heartbeat. Another one would re-register this instance.
        case left
    }

    private struct Departure {
        let deadline: ContinuousClock.Instant
        /// Moved back by each new epoch.
        var stallDeadline: ContinuousClock.Instant
        var epoch: Int64
    }

    /// How long partitions stay with this instance while none can be reassigned.
    static let lease = Duration.seconds(2)
    /// The delay before another instance of `config` is asked.
    static let retryDelay = Duration.milliseconds(50)
    /// How long leaving may take. A process has 25 s to stop, and closing its connections needs some of them.
    static let departureLimit = Duration.seconds(20)
    /// How long leaving may take without a new epoch: then no member receives the partitions, or no leader
    /// assigns them.
    static let stallLimit = Duration.seconds(8)

    private let identity: MemberIdentity
    private var stage = Stage.active
    private var isMember = false
    private var reportedReady: Bool?
    private var readiness = ReadinessPolicy()
    private var feedLoss = FeedLossDetector()
    private var bindings = PartitionBindings()
    private var routes: Routes?

    init(_ identity: MemberIdentity) { self.identity = identity }

    // MARK: Heartbeats

    /// Returns the heartbeat to send now; `nil` before this instance can serve, and after it has left.
    ///
    /// - Parameter canServe: whether it can verify tokens. Before that it must receive no partitions.
    func heartbeat(
        _ report: GatewayReport, load: Heartbeat.Load, canServe: Bool, at now: ContinuousClock.Instant
    ) -> Heartbeat? {
        if case .left = stage { return nil }
        guard isMember || canServe && feedLoss.hasEverStarted else { return nil }
        return Heartbeat(
            instance: identity.instance, incarnation: identity.incarnation, url: identity.url,
            partitionCount: identity.partitionCount, epoch: report.epoch, bound: bindings.bound, served: report.held, load: load,
            isLeaving: isLeaving || feedLoss.isLost(at: now))
    }

    private var isLeaving: Bool {
        if case .active = stage { false } else { true }
    }

    /// - Parameter sentAt: when the heartbeat was sent.
    mutating func answered(
        _ response: Heartbeat.Response, sentAt: ContinuousClock.Instant, at now: ContinuousClock.Instant
    ) -> [Action] {
        feedLoss.heartbeatAnswered(at: now)
        readiness.leaseGranted()
        return setMember(true) + readinessChange() + [.applyAssignment(response, sentAt: sentAt)]
    }

    /// - Parameter sent: the heartbeat that the assignment answered.
    mutating func assignmentApplied(_ report: GatewayReport, sent: Heartbeat) -> [Action] {
        // Deliveries for remaining connections are needed until those are closed.
        bindings.require(report.assigned.union(report.held))
        return [.updateBindings] + (report.held == sent.served ? [] : [.sendHeartbeat])
    }

    /// Call ``leaseChecked(isValid:isConnected:)`` after the actions are performed.
    mutating func failed(_ failure: HeartbeatFailure, sentAt: ContinuousClock.Instant) -> [Action] {
        switch failure {
        case .standstill: return [.extendLease(by: Self.lease, sentAt: sentAt)]
        case .askAnother: return [.sendHeartbeatAfter(Self.retryDelay)]
        case .unanswered:
            feedLoss.heartbeatUnanswered()
            return []
        }
    }

    /// - Parameters:
    ///   - isValid: whether the gateway has a lease after a heartbeat failed.
    ///   - isConnected: to the broker.
    mutating func leaseChecked(isValid: Bool, isConnected: Bool) -> [Action] {
        if isValid { return [] }
        readiness.leaseMissing(isConnected: isConnected)
        return setMember(false) + readinessChange()
    }

    private mutating func setMember(_ isMember: Bool) -> [Action] {
        if isMember == self.isMember { return [] }
        self.isMember = isMember
        return [isMember ? .leaseGranted : .leaseLost]
    }

    private mutating func readinessChange() -> [Action] {
        if reportedReady == readiness.isReady { return [] }
        reportedReady = readiness.isReady
        return [.setReady(readiness.isReady)]
    }

    // MARK: Deliveries

    /// - Parameter partitions: bound by the feed before it started.
    mutating func feedStarted(bound partitions: PartitionSet) -> [Action] {
        feedLoss.feedStarted()
        bindings.feedStarted(bound: partitions)
        return [.updateBindings, .sendHeartbeat]
    }

    mutating func feedLost() {
        feedLoss.feedLost()
        bindings.feedLost()
    }

    /// The generation of the feed, for ``bound(_:in:)``.
    var feedGeneration: Int { bindings.feedGeneration }

    /// - Parameter requested: the partitions that the feed was asked to bind so far.
    mutating func nextBinding(requested: PartitionSet) -> PartitionBindings.Step { bindings.next(requested: requested) }

    /// - Parameter generation: of the feed when the bind was requested.
    mutating func bound(_ partitions: PartitionSet, in generation: Int) -> [Action] {
        bindings.completed(partitions, in: generation)
        return [.sendHeartbeat]
    }

    // MARK: Routes

    mutating func routesRead(_ routes: Routes) -> [Action] {
        if routes.epoch == self.routes?.epoch { return [] }
        let reassigned = routes.reassigned(since: self.routes)
        self.routes = routes
        return reassigned.isEmpty ? [] : [.partitionsReassigned(reassigned)]
    }

    private var hasPeers: Bool { routes?.instances.contains { $0.name != identity.instance } ?? false }

    // MARK: Departure

    /// Begins to hand over all partitions. Then ask ``departureStep(_:at:)`` after each event.
    mutating func leave(_ report: GatewayReport, at now: ContinuousClock.Instant) -> [Action] {
        stage = .leaving(
            Departure(deadline: now + Self.departureLimit, stallDeadline: now + Self.stallLimit, epoch: report.epoch))
        return [.sendHeartbeat]
    }

    mutating func departureStep(_ report: GatewayReport, at now: ContinuousClock.Instant) -> DepartureStep {
        guard case .leaving(var departure) = stage else { return .disconnect }
        if report.epoch != departure.epoch {
            departure.epoch = report.epoch
            departure.stallDeadline = now + Self.stallLimit
            stage = .leaving(departure)
        }
        let end = min(departure.deadline, departure.stallDeadline)
        return now < end && !report.held.isEmpty && hasPeers ? .wait(until: end) : .disconnect
    }

    /// The final heartbeat was sent.
    mutating func left() { stage = .left }

    /// The last connection of partitions that moved elsewhere is closed.
    func connectionsReleased() -> [Action] { [.sendHeartbeat] }
}

extension Routes {
    /// Returns the partitions that an instance owned before and no longer owns.
    func reassigned(since before: Routes?) -> PartitionSet {
        guard let before else { return PartitionSet() }
        let current = Dictionary(instances.map { ($0.name, $0.partitions) }) { $1 }
        return before.instances.reduce(PartitionSet()) { reassigned, instance in
            reassigned.union(instance.partitions.subtracting(current[instance.name] ?? PartitionSet()))
        }
    }
}
