/// Those who wait for ids, in the order they asked. Only the first one's batch is ever begun and not complete.
struct NeedLine<Waiter> {
    typealias Ticket = UInt64

    struct Need {
        let ticket: Ticket
        var batch: IDBatch
        /// Rounds of renewal that had begun when it asked.
        let round: Int
        let waiter: Waiter
    }

    private var needs: [Need] = []

    var count: Int { needs.count }
    var first: Need? { needs.first }

    mutating func add(_ need: Need) { needs.append(need) }
    mutating func takeFirst() -> Need { needs.removeFirst() }

    /// - Returns: `nil` when it has been served meanwhile.
    mutating func remove(_ ticket: Ticket) -> Need? {
        needs.firstIndex { $0.ticket == ticket }.map { needs.remove(at: $0) }
    }

    mutating func removeAll() -> [Need] {
        defer { needs = [] }
        return needs
    }

    /// Gives the first one ids.
    mutating func fillFirst(from sequence: inout IDSequence, at now: Int64) -> IDSequence.Step {
        sequence.fill(&needs[0].batch, at: now)
    }

    /// Another generator goes on: what the first one has would not ascend with it.
    mutating func restartFirst() {
        if !needs.isEmpty { needs[0].batch.restart() }
    }
}
