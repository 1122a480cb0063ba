import Contracts
import Testing

@testable import Users

@Suite("A tie as it is kept") struct StoredTieTests {
    let anna = UserID(rawValue: 1)
    let ben = UserID(rawValue: 2)
    let then = Timestamp(millisecondsSinceEpoch: 10)
    let now = Timestamp(millisecondsSinceEpoch: 20)

    @Test("a change takes the next rev and is told of; one that changes nothing takes none and is not")
    func rev() throws {
        let pair = try #require(UserPair(anna, ben))
        var tie = StoredTie(value: Tie(), since: then, rev: 4)
        for _ in 0..<2 {
            let before = tie
            let facts = tie.change(at: now) { tie, rev in tie.block(true, by: anna, in: pair, rev: rev) }
            #expect(tie.rev == 5)
            #expect(tie.since == then)  // of the bond, which is what it was
            #expect(facts.count == (before.rev == 4 ? 1 : 0))
            #expect(facts.allSatisfy { ($0 as? BlockChanged)?.rev == 5 })
        }
    }

    @Test("a block ends what was between the two, and both are told of", arguments: [Tie.Bond.connected, .invited(by: .high)])
    func ended(bond: Tie.Bond) throws {
        let pair = try #require(UserPair(anna, ben))
        var tie = StoredTie(value: Tie(bond: bond), since: then, rev: 1)
        let facts = tie.change(at: now) { tie, rev in tie.block(true, by: ben, in: pair, rev: rev) }
        #expect(tie == StoredTie(value: Tie(blockers: [.high]), since: now, rev: 2))
        let block = facts.first as? BlockChanged
        #expect(block?.userID == ben && block?.otherID == anna && block?.blocked == true && block?.rev == 2)
        let change = facts.last as? ContactChanged
        #expect(change?.userID == ben && change?.otherID == anna && change?.status == nil && change?.rev == 2)
        #expect(change?.step == (bond == .connected ? .remove : .cancel))
    }
}
