import Contracts

@testable import Config

/// What the tables of `config` do, as a value that all share.
final class SimulatedDatabase {
    struct Row {
        var member: MemberReport
        var former: String?
        var beats: Int64 = 1
        var news: Int64 = 1
    }

    private let world: World
    private(set) var holder = ""
    private(set) var term: Int64 = 0
    private var heldUntil = Int.min
    private(set) var rows: [String: Row] = [:]
    private(set) var table: RoutingTable
    private(set) var refused = 0
    /// Its clock may be set.
    var offset = 0

    init(_ world: World, partitionCount: Int) {
        self.world = world
        table = RoutingTable(partitionCount: partitionCount)
    }

    private var clock: Int { world.now + offset }

    func take(_ name: String, _ lease: Int) -> Int64? {
        guard heldUntil < clock || holder == name || heldUntil > clock + 2 * lease else { return nil }
        (holder, term, heldUntil) = (name, term + 1, clock + lease)
        return term
    }

    func renew(_ name: String, _ term: Int64, _ lease: Int) -> Bool {
        guard holder == name, self.term == term else { return false }
        heldUntil = clock + lease
        return true
    }

    func sightings(_ known: [String: Int64]) -> [LeaderState.Sighting] {
        rows.sorted { $0.key < $1.key }.map { name, row in
            .init(
                instance: name, beats: row.beats, news: row.news, member: known[name] == row.news ? nil : row.member)
        }
    }

    /// - Returns: whether it was written.
    func write(_ change: LeaderState.Change, by name: String) -> Bool {
        guard holder == name, term == change.term, table.epoch == change.before.epoch,
            change.dead.allSatisfy({
                rows[$0.id.instance].map { $0.beats } == $0.beats && rows[$0.id.instance]?.member.id == $0.id
            })
        else {
            refused += 1
            return false
        }
        for pulse in change.dead { rows[pulse.id.instance] = nil }
        table = change.after
        return true
    }

    func beat(_ member: MemberReport) -> Heartbeat.Response? {
        if var row = rows[member.id.instance] {
            if row.former == member.id.incarnation { return nil }
            if row.member.id == member.id {
                if row.member.epoch > member.epoch { return nil }
            } else {
                row.former = row.member.id.incarnation
            }
            row.beats += 1
            if row.member != member { row.news = row.beats }
            row.member = member
            rows[member.id.instance] = row
        } else {
            rows[member.id.instance] = Row(member: member)
        }
        let entry = table.entries[member.id] ?? .init()
        return .init(epoch: table.epoch, leaseMilliseconds: 2_000, bind: entry.bind, serve: entry.serve)
    }
}
