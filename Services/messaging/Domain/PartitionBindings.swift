import Contracts

/// Tracks the partitions whose deliveries this instance receives, and those whose deliveries it should
/// receive.
///
/// Partitions are bound in slices, so that neither heartbeats nor the first partitions wait for the last one.
struct PartitionBindings: Sendable {
    enum Step: Hashable, Sendable {
        case bind(PartitionSet)
        case unbind(PartitionSet)
        case none
    }

    /// The number of partitions per step. At half a millisecond each, a step takes less than a tenth of a
    /// lease.
    static let slice = 256

    /// The partitions whose deliveries arrive.
    private(set) var bound = PartitionSet()
    private var desired = PartitionSet()
    /// Counts the starts and losses of the feed. A bind request of an earlier generation has no effect on
    /// this one.
    private(set) var feedGeneration = 0

    mutating func require(_ partitions: PartitionSet) { desired = partitions }

    mutating func feedLost() {
        bound = PartitionSet()
        feedGeneration += 1
    }

    /// - Parameter partitions: bound by the feed before it started.
    mutating func feedStarted(bound partitions: PartitionSet) {
        bound = partitions
        feedGeneration += 1
    }

    /// Returns the next step; binds come before unbinds.
    ///
    /// - Parameter requested: the partitions that the feed was asked to bind so far, whether it has done so
    ///   or not.
    mutating func next(requested: PartitionSet) -> Step {
        let missing = desired.subtracting(bound)
        if !missing.isEmpty { return .bind(missing.first(Self.slice)) }
        let excess = requested.subtracting(desired)
        if excess.isEmpty { return .none }
        // Heartbeats must not report partitions that are about to be unbound.
        bound = bound.subtracting(excess)
        return .unbind(excess.first(Self.slice))
    }

    /// - Parameter generation: of the feed when the bind was requested.
    mutating func completed(_ partitions: PartitionSet, in generation: Int) {
        if generation == feedGeneration { bound = bound.union(partitions) }
    }
}

extension PartitionSet {
    fileprivate func first(_ count: Int) -> PartitionSet { PartitionSet(members.sorted().prefix(count)) }
}
