import DequeModule

/// Requests for ids that wait for a call of `ids.next.v1`, in order of arrival. Combines as many as fit into
/// one call.
struct IDRequestBatcher: Sendable {
    typealias Ticket = UInt64

    struct Request: Equatable, Sendable {
        let ticket: Ticket
        let count: Int
    }

    /// The largest number of ids per call.
    static let limit = 4_096

    private var requests: Deque<Request> = []
    var isEmpty: Bool { requests.isEmpty }
    var count: Int { requests.count }

    /// - Parameter request: for 1 to ``limit`` ids.
    mutating func add(_ request: Request) { requests.append(request) }

    /// Removes a request that waits.
    mutating func cancel(_ ticket: Ticket) { requests.removeAll { $0.ticket == ticket } }

    /// Removes the oldest requests, as many as fit into one call.
    mutating func nextBatch() -> [Request] {
        var (batch, total) = ([Request](), 0)
        while let next = requests.first, total + next.count <= Self.limit {
            requests.removeFirst()
            batch.append(next)
            total += next.count
        }
        return batch
    }

    /// Divides the ids of a call among its requests, in their order.
    static func distribute<ID>(_ ids: [ID], among requests: [Request]) -> [(Ticket, ArraySlice<ID>)] {
        var rest = ids[...]
        return requests.map { request in
            defer { rest = rest.dropFirst(request.count) }
            return (request.ticket, rest.prefix(request.count))
        }
    }
}
