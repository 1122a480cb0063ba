import Contracts
import Testing

@testable import Config

@Suite("Handover") struct HandoverTests {
    private static let (old, new) = (MemberID(instance: "old", incarnation: "1"), MemberID(instance: "new", incarnation: "1"))
    private static let prepared = Handover(previous: old, next: new, since: 5, step: .prepared)
    private static let committed = Handover(previous: old, next: new, since: 5, step: .committed(at: 6))
    private static let fromNone = Handover(previous: nil, next: new, since: 5, step: .committed(at: 5))

    /// The reports of both owners about partition 7; `nil` for a dead member.
    struct Reports: Sendable {
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
        let name: String
        let from: Handover
        let reports: Reports
        let progress: Handover.Progress
        var testDescription: String { name }
    }

    private static func step(
        _ name: String, _ from: Handover, _ reports: Reports, _ progress: Handover.Progress
    ) -> Step { Step(name: name, from: from, reports: reports, progress: progress) }

    private static let steps = [
        step("the next owner has not bound", prepared, Reports(new: (6, false)), .inProgress(prepared)),
        step("the next owner bound before this handover began", prepared, Reports(new: (4, true)), .inProgress(prepared)),
        step(
            "the next owner has bound", prepared, Reports(),
            .inProgress(.init(previous: old, next: new, since: 5, step: .committed(at: 9)))),
        step("the previous owner still has users", committed, Reports(old: (6, true)), .inProgress(committed)),
        step(
            "the previous owner reported no users before it saw the commit", committed, Reports(old: (5, false)),
            .inProgress(committed)),
        step("the previous owner has disconnected its users", committed, Reports(), .finished),
        step("the next owner has lost its binding", committed, Reports(new: (6, false)), .inProgress(committed)),
        step("the next owner dies before the commit", prepared, Reports(new: nil), .returned(to: old)),
        step("the next owner dies after the commit", committed, Reports(new: nil), .returned(to: old)),
        step("the next owner leaves", committed, Reports(newIsLeaving: true), .returned(to: old)),
        step(
            "the previous owner dies before the commit", prepared, Reports(old: nil, new: (6, false)),
            .inProgress(.init(previous: nil, next: new, since: 5, step: .committed(at: 9)))),
        step("the previous owner dies after the commit", committed, Reports(old: nil), .finished),
        step("both owners die", committed, Reports(old: nil, new: nil), .abandoned),
        step("there was no previous owner, and the next one has bound", fromNone, Reports(old: nil), .finished),
        step("a member without the partition reports users of it", fromNone, Reports(old: (9, true)), .inProgress(fromNone)),
    ]

    @Test("each step follows only the report of a member that has seen the step before", arguments: steps)
    func progress(step: Step) {
        let members = step.reports.members
        let serving = members.values.count { $0.served.contains(7) }
        #expect(step.from.progress(of: 7, among: members, serving: serving, at: 9) == step.progress)
    }

    @Test("after a restore of the database, the next epoch is above all that members have seen")
    func restored() {
        var reports = Reports(new: nil)
        reports.old = (100, false)
        let table = RoutingTable(partitionCount: 8, epoch: 3, granted: [Self.old: PartitionSet(0..<8)])
        #expect(table.next(among: reports.members, atMost: 8)?.epoch == 101)
        #expect(
            RoutingTable(partitionCount: 8, epoch: 101, granted: table.granted).next(among: reports.members, atMost: 8) == nil)
    }
}
