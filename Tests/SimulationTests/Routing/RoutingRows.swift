import Contracts

@testable import Config

/// The tables of `config` in memory, with the semantics of its SQL statements. All instances share them.
final class RoutingRows {
    struct Row {
        var report: MemberReport
        var formerIncarnation: String?
        var heartbeats: Int64 = 1
        var reportVersion: Int64 = 1
    }

    private let network: SimulatedNetwork
    private(set) var holder = ""
    private(set) var term: Int64 = 0
    private var heldUntil = Int.min
    private(set) var members: [String: Row] = [:]
    private(set) var table: RoutingTable
    /// Added to the server's clock, in milliseconds.
    var clockOffset = 0

    init(_ network: SimulatedNetwork, partitionCount: Int) {
        self.network = network
        table = RoutingTable(partitionCount: partitionCount)
    }

    private var clock: Int { network.now + clockOffset }

    func acquire(_ name: String, for lease: Int) -> Int64? {
        guard heldUntil < clock || holder == name || heldUntil > clock + 2 * lease else { return nil }
        holder = name
        term += 1
        heldUntil = clock + lease
        return term
    }

    func renew(_ name: String, term: Int64, for lease: Int) -> Bool {
        guard holder == name, self.term == term else { return false }
        heldUntil = clock + lease
        return true
    }

    func rows(known: [String: Int64]) -> [MemberRow] {
        members.sorted { $0.key < $1.key }.map { name, row in
            MemberRow(
                instance: name, heartbeats: row.heartbeats, reportVersion: row.reportVersion,
                report: known[name] == row.reportVersion ? nil : row.report)
        }
    }

    /// Returns whether the change was written.
    func write(_ change: RoutingChange, by name: String) -> Bool {
        guard holder == name, term == change.term, table.epoch == change.before.epoch,
            change.dead.allSatisfy({
                members[$0.id.instance]?.heartbeats == $0.count && members[$0.id.instance]?.report.id == $0.id
            })
        else { return false }
        for member in change.dead { members[member.id.instance] = nil }
        table = change.after
        return true
    }

    /// Records a heartbeat and returns the assignment; `nil` for an outdated heartbeat.
    func record(_ heartbeat: Heartbeat) -> (response: Heartbeat.Response, reportChanged: Bool)? {
        let report = MemberReport(
            id: MemberID(instance: heartbeat.instance, incarnation: heartbeat.incarnation), url: heartbeat.url,
            epoch: heartbeat.epoch, bound: heartbeat.bound, served: heartbeat.served, isLeaving: heartbeat.isLeaving)
        var reportChanged = true
        if var row = members[heartbeat.instance] {
            if row.formerIncarnation == heartbeat.incarnation { return nil }
            if row.report.id != report.id {
                row.formerIncarnation = row.report.id.incarnation
            } else if row.report.epoch > report.epoch {
                return nil
            }
            row.heartbeats += 1
            reportChanged = row.report != report
            if reportChanged { row.reportVersion = row.heartbeats }
            row.report = report
            members[heartbeat.instance] = row
        } else {
            members[heartbeat.instance] = Row(report: report)
        }
        let assignment = table.assignments[report.id] ?? MemberAssignment()
        let response = Heartbeat.Response(
            epoch: table.epoch, leaseMilliseconds: Int64(LeaseTiming().lease.milliseconds), bind: assignment.bind,
            serve: assignment.serve)
        return (response, reportChanged)
    }

    var routes: Routes {
        let instances = table.assignments.sorted { $0.key < $1.key }.map { id, assignment in
            Routes.Instance(name: id.instance, url: "ws://\(id.instance)", partitions: assignment.route)
        }
        return Routes(epoch: table.epoch, partitionCount: table.partitionCount, instances: instances)
    }
}
