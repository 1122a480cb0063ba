import Contracts

/// A tie as it is kept, and how it changes: every change takes the pair's next `rev`, and is told of.
struct StoredTie: Equatable, Sendable {
    private(set) var value: Tie
    /// Of the bond.
    private(set) var since: Timestamp
    private(set) var rev: Int64

    init(value: Tie, since: Timestamp, rev: Int64) { (self.value, self.since, self.rev) = (value, since, rev) }

    /// Lets `rule` decide, under the lock of the pair.
    ///
    /// - Parameter rule: is given the `rev` that its change will have, and returns the facts that tell of it.
    /// - Returns: those facts; none when nothing has changed.
    mutating func change<Refusal: Error>(
        at now: Timestamp, _ rule: (inout Tie, _ rev: Int64) throws(Refusal) -> [any Event]
    ) throws(Refusal) -> [any Event] {
        let before = value
        let facts = try rule(&value, rev + 1)
        if value == before { return [] }
        rev += 1
        if value.bond != before.bond { since = now }
        return facts
    }
}

extension Tie {
    /// Sets or lifts the block of the other one of `pair` by `user`; what tells of it, at this `rev`.
    mutating func block(_ blocked: Bool, by user: UserID, in pair: UserPair, rev: Int64) -> [any Event] {
        let (before, other) = (bond, pair.other(than: user))
        block(blocked, by: pair.side(of: user))
        var facts: [any Event] = [BlockChanged(userID: user, otherID: other, blocked: blocked, rev: rev)]
        if bond != before {
            let step: ChangeContact.Step = before == .connected ? .remove : .cancel
            facts.append(ContactChanged(userID: user, otherID: other, step: step, status: nil, rev: rev))
        }
        return facts
    }
}
