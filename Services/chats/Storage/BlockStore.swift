import Bus
import Contracts
import Postgres

/// The copy of who blocks whom.
enum BlockStore {
    /// Takes a fact of `users` in, unless a newer one of the same pair came first.
    static func note(_ fact: BlockChanged) -> SQL {
        """
        INSERT INTO blocks (user_id, other_id, blocked, rev) VALUES (\(fact.userID), \(fact.otherID), \(fact.blocked), \(fact.rev))
        ON CONFLICT (user_id, other_id) DO UPDATE SET blocked = excluded.blocked, rev = excluded.rev WHERE blocks.rev < excluded.rev
        """
    }
}
