import Bus
import Contracts
import Postgres

/// The copy of the blocks that the service `users` owns.
enum BlockStore {
    /// Applies an event unless a newer one of the same pair was applied before.
    static func apply(_ event: BlockChanged) -> SQL {
        """
        INSERT INTO blocks (user_id, other_id, blocked, rev) VALUES (\(event.userID), \(event.otherID), \(event.blocked), \(event.rev))
        ON CONFLICT (user_id, other_id) DO UPDATE SET blocked = excluded.blocked, rev = excluded.rev WHERE blocks.rev < excluded.rev
        """
    }
}
