import Contracts
import Postgres
import TestSupport
import Testing

@testable import Chats

@Suite("The copy of who blocks whom") struct BlockStoreTests {
    /// `Tests/SimulationTests` shows that this rule is enough, whatever the bus does to the facts.
    @Test("the highest rev wins, in whatever order and however often facts come", arguments: UInt64(1)...4)
    func highestWins(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let facts = (Int64(1)...8).map { rev in
                BlockChanged(userID: anna, otherID: ben, blocked: Bool.random(using: &random), rev: rev)
            }
            var highest: BlockChanged?
            for fact in (facts + facts).shuffled(using: &random) {
                try await database.pool.execute(BlockStore.note(fact))
                if fact.rev > highest?.rev ?? 0 { highest = fact }
                let row = try await database.pool.one(
                    "SELECT blocked, rev FROM blocks WHERE user_id = \(anna) AND other_id = \(ben)", as: (Bool, Int64).self)
                #expect(row.0 == highest?.blocked)
                #expect(row.1 == highest?.rev)
            }
        }
    }
}
