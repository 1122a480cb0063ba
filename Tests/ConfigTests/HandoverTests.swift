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
            if let old {
                members[HandoverTests.old] = MemberReport(
                    id: HandoverTests.old, url: "", epoch: old.epoch, bound: PartitionSet([7]),
                    served: PartitionSet(old.serves ? [7] : []), isLeaving: false)
            }
            if let new {
                members[HandoverTests.new] = MemberReport(
                    id: HandoverTests.new, url: "", epoch: new.epoch, bound: PartitionSet(new.binds ? [7] : []),
                    served: PartitionSet(), isLeaving: newIsLeaving)
            }
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

    private static let steps = [
        Step(
            name: "the next owner has not bound", from: prepared, reports: Reports(new: (6, false)),
            progress: .inProgress(prepared)),
        Step(
            name: "the next owner bound before this handover began", from: prepared, reports: Reports(new: (4, true)),
            progress: .inProgress(prepared)),
        Step(
            name: "the next owner has bound", from: prepared, reports: Reports(),
            progress: .inProgress(.init(previous: old, next: new, since: 5, step: .committed(at: 9)))),
        Step(
            name: "the previous owner still has users", from: committed, reports: Reports(old: (6, true)),
            progress: .inProgress(committed)),
        Step(
            name: "the previous owner reported no users before it saw the commit", from: committed,
            reports: Reports(old: (5, false)), progress: .inProgress(committed)),
        Step(name: "the previous owner has disconnected its users", from: committed, reports: Reports(), progress: .finished),
        Step(
            name: "the next owner has lost its binding", from: committed, reports: Reports(new: (6, false)),
            progress: .inProgress(committed)),
        Step(
            name: "the next owner dies before the commit", from: prepared, reports: Reports(new: nil),
            progress: .returned(to: old)),
        Step(
            name: "the next owner dies after the commit", from: committed, reports: Reports(new: nil),
            progress: .returned(to: old)),
        Step(name: "the next owner leaves", from: committed, reports: Reports(newIsLeaving: true), progress: .returned(to: old)),
        Step(
            name: "the previous owner dies before the commit", from: prepared, reports: Reports(old: nil, new: (6, false)),
            progress: .inProgress(.init(previous: nil, next: new, since: 5, step: .committed(at: 9)))),
        Step(name: "the previous owner dies after the commit", from: committed, reports: Reports(old: nil), progress: .finished),
        Step(name: "both owners die", from: committed, reports: Reports(old: nil, new: nil), progress: .abandoned),
        Step(
            name: "there was no previous owner, and the next one has bound", from: fromNone, reports: Reports(old: nil),
            progress: .finished),
        Step(
            name: "a member without the partition reports users of it", from: fromNone, reports: Reports(old: (9, true)),
            progress: .inProgress(fromNone)),
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
