import Contracts

/// Whose deliveries come here, and whose are to: bound some at a time, so that neither heartbeats nor the partitions bound first wait for the last.
struct Bindings: Sendable {
    enum Step: Hashable, Sendable {
        case bind(PartitionSet)
        case unbind(PartitionSet)
        case nothing
    }

    /// Less than a tenth of a lease, at half a millisecond each.
    static let slice = 256

    /// Their deliveries come.
    private(set) var bound = PartitionSet()
    private var wanted = PartitionSet()
    /// The feed's lives: what was asked of an earlier one says nothing of this one.
    private(set) var life = 0

    mutating func want(_ partitions: PartitionSet) { wanted = partitions }

    mutating func feedIsLost() {
        bound = PartitionSet()
        life += 1
    }

    mutating func feedIsBack(with partitions: PartitionSet) {
        bound = partitions
        life += 1
    }

    /// - Parameter asked: what the feed has been asked for so far, come or not.
    mutating func next(asked: PartitionSet) -> Step {
        let more = wanted.subtracting(bound)
        if !more.isEmpty { return .bind(more.first(Self.slice)) }
        let less = asked.subtracting(wanted)
        if less.isEmpty { return .nothing }
        // What is about to go is said to be gone.
        bound = bound.subtracting(less)
        return .unbind(less.first(Self.slice))
    }

    /// - Parameter life: in which it was asked for.
    mutating func areBound(_ partitions: PartitionSet, in life: Int) {
        if life == self.life { bound = bound.union(partitions) }
    }
}

extension PartitionSet {
    fileprivate func first(_ count: Int) -> PartitionSet { PartitionSet(members.sorted().prefix(count)) }
}
