import Contracts

/// A relationship as it is stored. Every change increments the pair's `rev` and produces the events that
/// announce it.
struct RelationshipRecord: Equatable, Sendable {
    private(set) var relationship: Relationship
    /// The time of the last change of ``Relationship/state``.
    private(set) var since: Timestamp
    private(set) var rev: Int64

    init(_ relationship: Relationship, since: Timestamp, rev: Int64) {
        self.relationship = relationship
        self.since = since
        self.rev = rev
    }

    /// Applies `rule` under the lock of the pair.
    ///
    /// - Parameter rule: gets the `rev` of its change, and returns the events that announce it.
    /// - Returns: those events; none when the relationship has not changed.
    mutating func change<Failure: Error>(
        at now: Timestamp, _ rule: (inout Relationship, _ rev: Int64) throws(Failure) -> [any Event]
    ) throws(Failure) -> [any Event] {
        let before = relationship
        let events = try rule(&relationship, rev + 1)
        if relationship == before { return [] }
        rev += 1
        if relationship.state != before.state { since = now }
        return events
    }
}

extension Relationship {
    /// Sets or lifts the block that `user` has put on the other user of `pair`.
    ///
    /// - Returns: the events that announce it, with `rev`.
    mutating func setBlock(_ blocked: Bool, by user: UserID, in pair: UserPair, rev: Int64) -> [any Event] {
        let (before, other) = (state, pair.other(than: user))
        setBlock(blocked, by: pair.side(of: user))
        var events: [any Event] = [BlockChanged(userID: user, otherID: other, blocked: blocked, rev: rev)]
        if state != before {
            let step: ChangeContact.Step = before == .connected ? .remove : .cancel
            events.append(ContactChanged(userID: user, otherID: other, step: step, status: nil, rev: rev))
        }
        return events
    }
}
