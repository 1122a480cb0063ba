/// Maps users to partitions. The instance of `messaging` that owns a partition serves all devices of its
/// users.
public enum Partitioning {
    /// The number of partitions of a deployment that sets none.
    public static let usualCount = 360
    /// The possible numbers of partitions.
    public static let counts = 1...20_000

    /// Returns the partition of a user, 0..<count: FNV-1a, 32 bits, over the id's 8 bytes in big-endian
    /// order, modulo `count`.
    ///
    /// - Parameter count: in ``counts``; the same everywhere, for ever.
    public static func partition(of user: UserID, count: Int) -> Int {
        var hash: UInt32 = 2_166_136_261
        for shift in stride(from: 56, through: 0, by: -8) {
            hash = (hash ^ UInt32(truncatingIfNeeded: user.rawValue >> Int64(shift)) & 0xFF) &* 16_777_619
        }
        return Int(hash % UInt32(count))
    }
}

/// A set of partitions. On the wire: ranges, `0-119,240,250-251`.
public struct PartitionSet: Hashable, Sendable {
    public private(set) var members: Set<Int>

    public init(_ members: some Sequence<Int> = []) { self.members = Set(members) }

    public var count: Int { members.count }
    public var isEmpty: Bool { members.isEmpty }
    public func contains(_ partition: Int) -> Bool { members.contains(partition) }
    public mutating func insert(_ partition: Int) { members.insert(partition) }
    public mutating func remove(_ partition: Int) { members.remove(partition) }
    public func union(_ other: PartitionSet) -> PartitionSet { PartitionSet(members.union(other.members)) }
    public func subtracting(_ other: PartitionSet) -> PartitionSet { PartitionSet(members.subtracting(other.members)) }
    public func intersection(_ other: PartitionSet) -> PartitionSet { PartitionSet(members.intersection(other.members)) }
}

extension PartitionSet: LosslessStringConvertible {
    public var description: String {
        var ranges: [ClosedRange<Int>] = []
        for partition in members.sorted() {
            if let last = ranges.last, last.upperBound + 1 == partition {
                ranges[ranges.count - 1] = last.lowerBound...partition
            } else {
                ranges.append(partition...partition)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
    }

    /// Reads what ``description`` wrote; `nil` for another text, and for a number beyond
    /// ``Partitioning/counts``.
    public init?(_ description: String) {
        members = []
        if description.isEmpty { return }
        for part in description.split(separator: ",", omittingEmptySubsequences: false) {
            let bounds = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard bounds.count <= 2, let first = bounds.first ?? nil, let last = bounds.last ?? nil, first <= last,
                (0..<Partitioning.counts.upperBound).contains(last), first >= 0
            else { return nil }
            members.formUnion(first...last)
        }
        guard self.description == description else { return nil }
    }
}

extension PartitionSet: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let set = PartitionSet(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "must be partitions as ranges: 0-119,240")
        }
        self = set
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
