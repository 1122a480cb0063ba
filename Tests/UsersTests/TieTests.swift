import Contracts
import TestSupport
import Testing

@testable import Users

@Suite("Tie") struct TieTests {
    typealias Row = (before: Tie.Bond, step: ChangeContact.Step, after: Result<Tie.Bond, Tie.Refusal>)

    @Test("every step from every state, taken by the low side")
    func table() {
        let (mine, theirs) = (Tie.Bond.invited(by: .low), Tie.Bond.invited(by: .high))
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
            #expect(Self.take(row.step, by: .low, from: Tie(bond: row.before)) == row.after.map { Tie(bond: $0) }, "\(row)")
        }
    }

    @Test("two who invite each other are connected, whoever came first", arguments: Tie.Side.allCases)
    func bothInvite(first: Tie.Side) throws {
        var tie = Tie()
        try tie.take(.invite, by: first)
        try tie.take(.invite, by: first.other)
        #expect(tie.bond == .connected)
    }

    @Test("who is blocked cannot invite, and who blocks must lift it first")
    func blocked() {
        let tie = Tie(blockers: [.high])
        #expect(Self.take(.invite, by: .low, from: tie) == .failure(.blocked))
        #expect(Self.take(.invite, by: .high, from: tie) == .failure(.blocking))
        #expect(Tie.Refusal.blocked.serviceError.code == .denied)
    }

    @Test(
        "on any walk: both sides see one tie, a block leaves none, and a step done twice is done once", arguments: UInt64(1)...50)
    func walks(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var tie = Tie()
        var seen: Set<String> = []
        for _ in 0..<1_000 {
            let side = Tie.Side.allCases.randomElement(using: &random) ?? .low
            let step = ChangeContact.Step.allCases.randomElement(using: &random) ?? .invite
            let dice = Int.random(in: 0..<32, using: &random)
            if dice < 6 {
                tie.block(dice == 0, by: side)
            } else if case .success(let next) = Self.take(step, by: side, from: tie) {
                #expect(Self.take(step, by: side, from: next) == .success(next))
                tie = next
            }
            seen.insert("\(tie.bond)")
            #expect(tie.blockers.isEmpty || tie.bond == .none)
            let views = [tie.status(for: .low), tie.status(for: .high)]
            #expect(
                [[nil, nil], [.sent, .received], [.received, .sent], [.connected, .connected]].contains(views))
        }
        #expect(seen.count == 4)  // the walk did reach every state
    }

    @Test("the rules are the same for both sides", arguments: UInt64(1)...20)
    func mirror(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var (tie, mirrored) = (Tie(), Tie())
        for _ in 0..<100 {
            let side = Tie.Side.allCases.randomElement(using: &random) ?? .low
            let step = ChangeContact.Step.allCases.randomElement(using: &random) ?? .invite
            if case .success(let next) = Self.take(step, by: side, from: tie) { tie = next }
            if case .success(let next) = Self.take(step, by: side.other, from: mirrored) { mirrored = next }
            #expect(tie.status(for: .low) == mirrored.status(for: .high))
            #expect(tie.status(for: .high) == mirrored.status(for: .low))
        }
    }

    @Test("a pair is one, whoever is named first, and nobody is a pair alone")
    func pairs() {
        let (mia, tom) = (UserID(rawValue: 1), UserID(rawValue: 2))
        #expect(UserPair(mia, tom) == UserPair(tom, mia))
        #expect(UserPair(mia, mia) == nil)
        #expect(UserPair(tom, mia)?.side(of: tom) == .high)
    }

    private static func take(_ step: ChangeContact.Step, by side: Tie.Side, from tie: Tie) -> Result<Tie, Tie.Refusal> {
        var tie = tie
        return Result { () throws(Tie.Refusal) in
            try tie.take(step, by: side)
            return tie
        }
    }
}
