import Contracts

/// Ids that somebody asked for, as far as they have been issued.
struct IDBatch: Equatable, Sendable {
    private let count: Int
    private(set) var missing: Int
    private(set) var runs: [NextIDs.Run] = []

    /// - Parameter count: at least 1.
    init(_ count: Int) { (self.count, missing) = (count, count) }

    var isComplete: Bool { missing == 0 }

    /// Adds `length` ids from `first` on, which ascend from those before.
    mutating func add(_ first: Int64, length: Int) {
        runs.append(NextIDs.Run(first: NextIDs.RawID(rawValue: first), count: length))
        missing -= length
    }

    /// Drops what there is: ids of two generators would not ascend.
    mutating func restart() { self = IDBatch(count) }
}
