import Contracts

/// The ids of one request, as far as they have been issued.
struct IDBatch: Equatable, Sendable {
    private let count: Int
    private(set) var missing: Int
    private(set) var runs: [NextIDs.Run] = []

    /// - Parameter count: at least 1.
    init(_ count: Int) {
        self.count = count
        missing = count
    }

    var isComplete: Bool { missing == 0 }

    /// Adds `length` ids from `first` on. They must be greater than those before.
    mutating func add(_ first: Int64, length: Int) {
        runs.append(NextIDs.Run(first: NextIDs.RawID(rawValue: first), count: length))
        missing -= length
    }

    /// Discards the issued ids: ids of two generators would not ascend.
    mutating func restart() { self = IDBatch(count) }
}

/// A request that waits for ids.
struct IDRequest<Waiter> {
    let ticket: UInt64
    var batch: IDBatch
    /// The number of renewal rounds that had started when the request arrived.
    let round: Int
    let waiter: Waiter
}

/// The requests that wait for ids, in order of arrival. Only the batch of the first one can be partly filled.
struct IDRequestQueue<Waiter> {
    private var requests: [IDRequest<Waiter>] = []

    var count: Int { requests.count }
    var first: IDRequest<Waiter>? { requests.first }

    mutating func add(_ request: IDRequest<Waiter>) { requests.append(request) }
    mutating func removeFirst() -> IDRequest<Waiter> { requests.removeFirst() }

    /// - Returns: `nil` if the request has been served already.
    mutating func remove(_ ticket: UInt64) -> IDRequest<Waiter>? {
        requests.firstIndex { $0.ticket == ticket }.map { requests.remove(at: $0) }
    }

    mutating func removeAll() -> [IDRequest<Waiter>] {
        defer { requests = [] }
        return requests
    }

    /// Issues ids for the first request.
    mutating func fillFirst(from sequence: inout IDSequence, at now: Int64) -> IDSequence.Step {
        sequence.fill(&requests[0].batch, at: now)
    }

    /// Discards the ids of the first request because another generator takes over.
    mutating func restartFirst() {
        if !requests.isEmpty { requests[0].batch.restart() }
    }
}
