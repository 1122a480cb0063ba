import Contracts

/// One life of an instance of `messaging`: what an earlier one of the same name had, it has not.
struct MemberID: Hashable, Comparable, Sendable {
    let instance: String
    /// Which start of the process.
    let incarnation: String

    static func < (one: MemberID, other: MemberID) -> Bool {
        (one.instance, one.incarnation) < (other.instance, other.incarnation)
    }
}

/// What an instance of `messaging` last said of itself.
struct MemberReport: Hashable, Sendable {
    let id: MemberID
    /// Where clients reach it.
    var url: String
    /// The highest epoch it had seen when it said so: it will follow none below.
    var epoch: Int64
    /// Partitions whose deliveries reach it.
    var bound: PartitionSet
    /// Partitions whose users it accepts or still has.
    var served: PartitionSet
    /// It gets nothing new, and what it has goes elsewhere.
    var isLeaving: Bool
}
