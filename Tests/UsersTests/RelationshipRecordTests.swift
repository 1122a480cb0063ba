import Contracts
import Testing

@testable import Users

@Suite("Relationship record") struct RelationshipRecordTests {
    let anna = UserID(rawValue: 1)
    let ben = UserID(rawValue: 2)
    let then = Timestamp(millisecondsSinceEpoch: 10)
    let now = Timestamp(millisecondsSinceEpoch: 20)

    @Test("a change increments rev and is announced; a call that changes nothing does neither")
    func rev() throws {
        let pair = try #require(UserPair(anna, ben))
        var record = RelationshipRecord(Relationship(), since: then, rev: 4)
        for _ in 0..<2 {
            let before = record
            let events = record.change(at: now) { relationship, rev in relationship.setBlock(true, by: anna, in: pair, rev: rev) }
            #expect(record.rev == 5)
            #expect(record.since == then)  // The state has not changed.
            #expect(events.count == (before.rev == 4 ? 1 : 0))
            #expect(events.allSatisfy { ($0 as? BlockChanged)?.rev == 5 })
        }
    }

    @Test(
        "a block ends the contact, and both changes are announced", arguments: [RelationshipState.connected, .invited(by: .high)])
    func ended(state: RelationshipState) throws {
        let pair = try #require(UserPair(anna, ben))
        var record = RelationshipRecord(Relationship(state: state), since: then, rev: 1)
        let events = record.change(at: now) { relationship, rev in relationship.setBlock(true, by: ben, in: pair, rev: rev) }
        #expect(record == RelationshipRecord(Relationship(blockers: [.high]), since: now, rev: 2))
        let block = events.first as? BlockChanged
        #expect(block?.userID == ben && block?.otherID == anna && block?.blocked == true && block?.rev == 2)
        let change = events.last as? ContactChanged
        #expect(change?.userID == ben && change?.otherID == anna && change?.status == nil && change?.rev == 2)
        #expect(change?.step == (state == .connected ? .remove : .cancel))
    }
}
