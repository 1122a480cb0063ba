import DequeModule

/// Who needs how many ids, in the order they asked: pure.
struct IDDemand: Sendable {
    typealias Ticket = UInt64

    struct Need: Equatable, Sendable {
        let ticket: Ticket
        let count: Int
    }

    /// Ids of one request at most.
    static let limit = 4_096

    private var needs: Deque<Need> = []
    var isEmpty: Bool { needs.isEmpty }
    var count: Int { needs.count }

    /// - Parameter need: of 1 to ``limit`` ids.
    mutating func add(_ need: Need) { needs.append(need) }

    /// Forgets a need that was not taken yet.
    mutating func withdraw(_ ticket: Ticket) { needs.removeAll { $0.ticket == ticket } }

    /// Takes as many needs, the oldest first, as one request can serve.
    mutating func take() -> [Need] {
        var (taken, total) = ([Need](), 0)
        while let next = needs.first, total + next.count <= Self.limit {
            needs.removeFirst()
            taken.append(next)
            total += next.count
        }
        return taken
    }

    /// Each need's part of what came for them together, in their order.
    static func share<ID>(_ ids: [ID], among needs: [Need]) -> [(Ticket, ArraySlice<ID>)] {
        var rest = ids[...]
        return needs.map { need in
            defer { rest = rest.dropFirst(need.count) }
            return (need.ticket, rest.prefix(need.count))
        }
    }
}
