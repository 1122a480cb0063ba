@testable import IDGen

/// The table `idgen.generators`, with the statements of `Services/idgen/Storage/PostgresLeaseStore.swift`.
/// `LeaseStoreTests` checks them in Postgres.
final class LeaseRows {
    private struct Row {
        var fence: Int64 = 0
        var mark: Int64 = 0
        /// The first millisecond of each lease, by its fencing token.
        var firsts: [Int64: Int64] = [:]
    }

    private var rows: [Row]

    init(numbers: Int) { rows = Array(repeating: Row(), count: numbers) }

    func acquire(now: Int64, mark: Int64) -> GeneratorLease? {
        let expired = rows.indices.filter { rows[$0].mark <= now }
        guard let number = expired.min(by: { (rows[$0].mark, $0) < (rows[$1].mark, $1) }) else { return nil }
        let first = rows[number].mark
        rows[number].fence += 1
        rows[number].mark = mark
        rows[number].firsts[rows[number].fence] = first
        return GeneratorLease(number: Int64(number), fence: rows[number].fence, first: first, mark: mark)
    }

    func renew(_ lease: GeneratorLease, to mark: Int64) -> Bool {
        let number = Int(lease.number)
        guard rows[number].fence == lease.fence else { return false }
        rows[number].mark = max(rows[number].mark, mark)
        return true
    }

    func release(_ lease: GeneratorLease, at mark: Int64) {
        let number = Int(lease.number)
        if rows[number].fence == lease.fence { rows[number].mark = mark }
    }

    /// Whether a millisecond belongs to this lease and to no other one. This makes the ids unique without
    /// relying on chance.
    func cover(_ millisecond: Int64, of lease: GeneratorLease) -> Bool {
        let row = rows[Int(lease.number)]
        guard let first = row.firsts[lease.fence] else { return false }
        return first <= millisecond && millisecond < row.firsts[lease.fence + 1] ?? row.mark
    }
}
