import Contracts

/// Which users this instance may accept: those of the partitions that it serves, while its lease lasts.
struct Ownership: Sendable {
    enum Verdict: Equatable, Sendable {
        case accept
        /// They will be ours in a moment: their deliveries come here already, and whoever had them lets them go.
        case wait
        /// Somebody else's.
        case elsewhere
        /// Nobody knows: there is no lease.
        case unknown
    }

    /// The same for ever.
    let partitionCount: Int
    private(set) var epoch: Int64 = 0
    private(set) var served = PartitionSet()
    private(set) var wanted = PartitionSet()
    private(set) var leaseUntil: ContinuousClock.Instant?

    init(partitionCount: Int) { self.partitionCount = partitionCount }

    func partition(of user: UserID) -> Int { Partitioning.partition(of: user, count: partitionCount) }

    func hasLease(at now: ContinuousClock.Instant) -> Bool { leaseUntil.map { now < $0 } ?? false }

    func verdict(on partition: Int, at now: ContinuousClock.Instant) -> Verdict {
        guard hasLease(at: now) else { return .unknown }
        if served.contains(partition) { return .accept }
        return wanted.contains(partition) ? .wait : .elsewhere
    }

    /// An answer to a heartbeat.
    ///
    /// - Parameter asked: when the heartbeat was sent: the lease runs from then.
    /// - Returns: false for an epoch lower than one seen before: then nothing has changed.
    mutating func take(_ answer: Heartbeat.Response, asked: ContinuousClock.Instant) -> Bool {
        guard answer.epoch >= epoch else { return false }
        epoch = answer.epoch
        (served, wanted) = (answer.serve, answer.bind)
        renew(asked + .milliseconds(answer.leaseMilliseconds))
        return true
    }

    /// Nobody can give anything away at the moment, so that what is ours stays ours. A lease that had run out when we asked stays so: it may all be
    /// somebody else's by now.
    mutating func extend(by lease: Duration, asked: ContinuousClock.Instant) {
        if hasLease(at: asked) { renew(asked + lease) }
    }

    private mutating func renew(_ until: ContinuousClock.Instant) { leaseUntil = max(until, leaseUntil ?? until) }
}
