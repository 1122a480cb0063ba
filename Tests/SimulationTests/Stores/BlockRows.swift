import Contracts

/// The table `blocks` of `chats`: the copy of who blocks whom.
///
/// The rule is that of `BlockStore.note` (`Services/chats/Storage/BlockStore.swift`), which only SQL has: the highest `rev` wins.
/// `BlockStoreTests` shows that Postgres goes by it, and `Tests/SimulationTests` that the rule is enough.
struct BlockRows {
    struct Key: Hashable {
        let user: UserID
        let other: UserID
    }

    private(set) var rows: [Key: (blocked: Bool, rev: Int64)] = [:]

    mutating func note(_ fact: BlockChanged) {
        let key = Key(user: fact.userID, other: fact.otherID)
        if let row = rows[key], row.rev >= fact.rev { return }
        rows[key] = (fact.blocked, fact.rev)
    }

    func isBlocked(_ other: UserID, by user: UserID) -> Bool { rows[Key(user: user, other: other)]?.blocked ?? false }
}
