import Contracts
import Testing

@testable import Config

@Suite("Handover") struct HandoverTests {
    private static let (old, new) = (MemberID(instance: "old", incarnation: "1"), MemberID(instance: "new", incarnation: "1"))
    private static let prepared = Handover(previous: old, next: new, since: 5, step: .prepared)
    private static let committed = Handover(previous: old, next: new, since: 5, step: .committed(at: 6))
    private static let fromNobody = Handover(previous: nil, next: new, since: 5, step: .committed(at: 5))

    /// What both have said of partition 7; `nil`: it is dead.
    struct Said: Sendable {
        var old: (epoch: Int64, serves: Bool)? = (6, false)
        var new: (epoch: Int64, binds: Bool)? = (6, true)
        var newIsLeaving = false

        var members: [MemberID: MemberReport] {
            var members: [MemberID: MemberReport] = [:]
            func add(_ id: MemberID, _ epoch: Int64, _ bound: [Int], _ served: [Int], _ isLeaving: Bool) {
                members[id] = MemberReport(
                    id: id, url: "", epoch: epoch, bound: PartitionSet(bound), served: PartitionSet(served), isLeaving: isLeaving)
            }
            if let old { add(HandoverTests.old, old.epoch, [7], old.serves ? [7] : [], false) }
            if let new { add(HandoverTests.new, new.epoch, new.binds ? [7] : [], [], newIsLeaving) }
            return members
        }
    }

    struct Step: Sendable, CustomTestStringConvertible {
        let what: String
        let from: Handover
        let said: Said
        let outcome: Handover.Outcome
        var testDescription: String { what }
    }

    private static func step(
        _ what: String, _ from: Handover, _ said: Said, _ outcome: Handover.Outcome
    ) -> Step { Step(what: what, from: from, said: said, outcome: outcome) }

    private static let steps = [
        step("the next owner has not bound", prepared, Said(new: (6, false)), .stays(prepared)),
        step("it had bound before it was told to", prepared, Said(new: (4, true)), .stays(prepared)),
        step("it has bound", prepared, Said(), .stays(.init(previous: old, next: new, since: 5, step: .committed(at: 9)))),
        step("the previous owner has users yet", committed, Said(old: (6, true)), .stays(committed)),
        step("it had none before it was told to close", committed, Said(old: (5, false)), .stays(committed)),
        step("it has closed", committed, Said(), .finished),
        step("the next owner has lost its binding", committed, Said(new: (6, false)), .stays(committed)),
        step("the next owner dies early", prepared, Said(new: nil), .givenBack(old)),
        step("the next owner dies late", committed, Said(new: nil), .givenBack(old)),
        step("the next owner leaves", committed, Said(newIsLeaving: true), .givenBack(old)),
        step(
            "the previous owner dies early", prepared, Said(old: nil, new: (6, false)),
            .stays(.init(previous: nil, next: new, since: 5, step: .committed(at: 9)))),
        step("the previous owner dies late", committed, Said(old: nil), .finished),
        step("both die", committed, Said(old: nil, new: nil), .dropped),
        step("nobody had it, and the next owner has bound", fromNobody, Said(old: nil), .finished),
        step("nobody may have it, and somebody says to have users of it", fromNobody, Said(old: (9, true)), .stays(fromNobody)),
    ]

    @Test("each step is taken on the word of a party that has seen the one before", arguments: steps)
    func outcome(step: Step) {
        let members = step.said.members
        let serving = members.values.count { $0.served.contains(7) }
        #expect(step.from.outcome(of: 7, among: members, serving: serving, at: 9) == step.outcome)
    }

    @Test("a database that was set back: the next epoch lies above all that members have seen")
    func setBack() {
        var said = Said(new: nil)
        said.old = (100, false)
        let table = RoutingTable(partitionCount: 8, epoch: 3, granted: [Self.old: PartitionSet(0..<8)])
        #expect(table.next(among: said.members, atMost: 8)?.epoch == 101)
        #expect(RoutingTable(partitionCount: 8, epoch: 101, granted: table.granted).next(among: said.members, atMost: 8) == nil)
    }
}
