import Contracts

/// The partitions whose users this instance may accept, while its lease lasts.
struct PartitionOwnership: Sendable {
    enum Verdict: Equatable, Sendable {
        case accept
        /// The partition is about to be handed over: its deliveries arrive here already, and its previous
        /// owner is disconnecting its users.
        case wait
        /// Another instance owns the partition.
        case elsewhere
        /// Unknown without a lease.
        case unknown
    }

    /// Fixed when the deployment was first started.
    let partitionCount: Int
    private(set) var epoch: Int64 = 0
    /// Partitions whose users are accepted.
    private(set) var served = PartitionSet()
    /// Partitions whose deliveries must arrive here.
    private(set) var assigned = PartitionSet()
    /// `nil` before the first lease.
    private(set) var leaseEnd: ContinuousClock.Instant?

    init(partitionCount: Int) { self.partitionCount = partitionCount }

    func partition(of user: UserID) -> Int { Partitioning.partition(of: user, count: partitionCount) }

    func hasLease(at now: ContinuousClock.Instant) -> Bool { leaseEnd.map { now < $0 } ?? false }

    func verdict(on partition: Int, at now: ContinuousClock.Instant) -> Verdict {
        guard hasLease(at: now) else { return .unknown }
        if served.contains(partition) { return .accept }
        return assigned.contains(partition) ? .wait : .elsewhere
    }

    /// Applies the answer to a heartbeat.
    ///
    /// - Parameter sentAt: when the heartbeat was sent; the lease runs from then.
    /// - Returns: `false` for an epoch lower than the present one; then nothing has changed.
    mutating func apply(_ answer: Heartbeat.Response, sentAt: ContinuousClock.Instant) -> Bool {
        guard answer.epoch >= epoch else { return false }
        epoch = answer.epoch
        served = answer.serve
        assigned = answer.bind
        renew(until: sentAt + .milliseconds(answer.leaseMilliseconds))
        return true
    }

    /// Extends the lease while `config` cannot reassign partitions. A lease that had expired when the
    /// heartbeat was sent stays expired: another instance may own its partitions by now.
    mutating func extend(by lease: Duration, sentAt: ContinuousClock.Instant) {
        if hasLease(at: sentAt) { renew(until: sentAt + lease) }
    }

    private mutating func renew(until end: ContinuousClock.Instant) { leaseEnd = max(end, leaseEnd ?? end) }
}
