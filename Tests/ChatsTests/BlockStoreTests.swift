import Contracts
import Postgres
import TestSupport
import Testing

@testable import Chats

@Suite("The copy of blocks") struct BlockStoreTests {
    /// The simulation checks that this rule suffices, whatever the bus does to the events.
    @Test("the highest rev wins, for any order and number of deliveries", arguments: UInt64(1)...4)
    func highestWins(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let events = (Int64(1)...8).map { rev in
                BlockChanged(userID: anna, otherID: ben, blocked: Bool.random(using: &random), rev: rev)
            }
            var highest: BlockChanged?
            for event in (events + events).shuffled(using: &random) {
                try await database.pool.execute(BlockStore.apply(event))
                if event.rev > highest?.rev ?? 0 { highest = event }
                let row = try await database.pool.one(
                    "SELECT blocked, rev FROM blocks WHERE user_id = \(anna) AND other_id = \(ben)", as: (Bool, Int64).self)
                #expect(row.0 == highest?.blocked)
                #expect(row.1 == highest?.rev)
            }
        }
    }
}
