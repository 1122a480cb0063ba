import Contracts
import TestSupport
import Testing

@testable import Users

@Suite("Relationship") struct RelationshipTests {
    typealias Row = (before: RelationshipState, step: ChangeContact.Step, after: Result<RelationshipState, RelationshipError>)

    @Test("every step from every state, taken by the low side")
    func table() {
        let (mine, theirs) = (RelationshipState.invited(by: .low), RelationshipState.invited(by: .high))
        let rows: [Row] = [
            (.none, .invite, .success(mine)), (.none, .accept, .failure(.noInvitation)),
            (.none, .cancel, .success(.none)), (.none, .remove, .success(.none)),
            (mine, .invite, .success(mine)), (mine, .accept, .failure(.ownInvitation)),
            (mine, .cancel, .success(.none)), (mine, .remove, .failure(.notConnected)),
            (theirs, .invite, .success(.connected)), (theirs, .accept, .success(.connected)),
            (theirs, .cancel, .success(.none)), (theirs, .remove, .failure(.notConnected)),
            (.connected, .invite, .success(.connected)), (.connected, .accept, .success(.connected)),
            (.connected, .cancel, .failure(.connected)), (.connected, .remove, .success(.none)),
        ]
        #expect(rows.count == 4 * ChangeContact.Step.allCases.count)
        for row in rows {
            #expect(
                Self.apply(row.step, by: .low, from: Relationship(state: row.before))
                    == row.after.map { Relationship(state: $0) }, "\(row)")
        }
    }

    @Test("two users who invite each other are connected, in either order", arguments: Relationship.Side.allCases)
    func bothInvite(first: Relationship.Side) throws {
        var relationship = Relationship()
        try relationship.apply(.invite, by: first)
        try relationship.apply(.invite, by: first.other)
        #expect(relationship.state == .connected)
    }

    @Test("a blocked user cannot invite; a blocking user must unblock first")
    func blocked() {
        let relationship = Relationship(blockers: [.high])
        #expect(Self.apply(.invite, by: .low, from: relationship) == .failure(.blocked))
        #expect(Self.apply(.invite, by: .high, from: relationship) == .failure(.blocking))
        #expect(RelationshipError.blocked.serviceError.code == .denied)
    }

    @Test(
        "on any walk both sides agree, a block leaves no contact, and a repeated step changes nothing", arguments: UInt64(1)...50)
    func walks(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var relationship = Relationship()
        var seen: Set<String> = []
        for _ in 0..<1_000 {
            let side = Relationship.Side.allCases.randomElement(using: &random) ?? .low
            let step = ChangeContact.Step.allCases.randomElement(using: &random) ?? .invite
            let dice = Int.random(in: 0..<32, using: &random)
            if dice < 6 {
                relationship.setBlock(dice == 0, by: side)
            } else if case .success(let next) = Self.apply(step, by: side, from: relationship) {
                #expect(Self.apply(step, by: side, from: next) == .success(next))
                relationship = next
            }
            seen.insert("\(relationship.state)")
            #expect(relationship.blockers.isEmpty || relationship.state == .none)
            let views = [relationship.status(for: .low), relationship.status(for: .high)]
            #expect(
                [[nil, nil], [.sent, .received], [.received, .sent], [.connected, .connected]].contains(views))
        }
        #expect(seen.count == 4)  // the walk did reach every state
    }

    @Test("the rules are the same for both sides", arguments: UInt64(1)...20)
    func mirror(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var (relationship, mirrored) = (Relationship(), Relationship())
        for _ in 0..<100 {
            let side = Relationship.Side.allCases.randomElement(using: &random) ?? .low
            let step = ChangeContact.Step.allCases.randomElement(using: &random) ?? .invite
            if case .success(let next) = Self.apply(step, by: side, from: relationship) { relationship = next }
            if case .success(let next) = Self.apply(step, by: side.other, from: mirrored) { mirrored = next }
            #expect(relationship.status(for: .low) == mirrored.status(for: .high))
            #expect(relationship.status(for: .high) == mirrored.status(for: .low))
        }
    }

    @Test("a pair knows its sides")
    func pairs() {
        let (mia, tom) = (UserID(rawValue: 1), UserID(rawValue: 2))
        #expect(UserPair(tom, mia)?.side(of: tom) == .high)
        #expect(UserPair(tom, mia)?.user(.low) == mia)
    }

    private static func apply(
        _ step: ChangeContact.Step, by side: Relationship.Side, from relationship: Relationship
    ) -> Result<Relationship, RelationshipError> {
        var relationship = relationship
        return Result { () throws(RelationshipError) in
            try relationship.apply(step, by: side)
            return relationship
        }
    }
}
