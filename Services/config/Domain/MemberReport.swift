import Contracts

/// Identifies one run of an instance of `messaging`. A new run under the same name owns nothing of the
/// earlier one.
struct MemberID: Hashable, Comparable, Sendable {
    let instance: String
    /// Chosen by the process at each start.
    let incarnation: String

    static func < (one: MemberID, other: MemberID) -> Bool {
        (one.instance, one.incarnation) < (other.instance, other.incarnation)
    }
}

/// What an instance of `messaging` reported in its latest heartbeat.
struct MemberReport: Hashable, Sendable {
    let id: MemberID
    /// Where clients reach it.
    var url: String
    /// The highest epoch that it had seen. It ignores any lower one.
    var epoch: Int64
    /// Partitions whose deliveries reach it.
    var bound: PartitionSet
    /// Partitions whose users it accepts or still has connections of.
    var served: PartitionSet
    /// It receives no further partitions, and its own are reassigned.
    var isLeaving: Bool
}

extension Heartbeat {
    /// The upper bound is far above any real epoch and far below overflow.
    private static let epochs = 0...Int64(1) << 53

    /// - Throws: ``ServiceError`` `invalid`, with the field that is wrong.
    func validate() throws(ServiceError) {
        guard (1...100).contains(instance.utf8.count) else { throw .invalid("instance", "must have 1 to 100 characters") }
        guard (1...100).contains(incarnation.utf8.count) else { throw .invalid("incarnation", "must have 1 to 100 characters") }
        guard url.utf8.count <= 1_000, url.hasPrefix("ws://") || url.hasPrefix("wss://") else {
            throw .invalid("url", "must begin with ws:// or wss:// and have at most 1,000 characters")
        }
        guard ![instance, incarnation, url].contains(where: { $0.utf8.contains(0) }) else {
            throw .invalid("instance", "must not contain U+0000")
        }
        guard Self.epochs.contains(epoch) else { throw .invalid("epoch", "must be 0 to \(Self.epochs.upperBound)") }
        guard bound.isWithin(partitionCount), served.isWithin(partitionCount) else {
            throw .invalid("bound", "must name partitions from 0 to \(partitionCount - 1)")
        }
        guard load.connections >= 0, load.cpu.isFinite, load.outboundBytes.isFinite else {
            throw .invalid("load", "must consist of finite numbers from 0")
        }
    }
}

extension PartitionSet {
    fileprivate func isWithin(_ count: Int) -> Bool { members.allSatisfy { $0 < count } }
}
