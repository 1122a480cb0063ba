@testable import IDGen

/// The lease table in memory.
struct LeaseTable {
    private struct Row {
        var fence: Int64 = 0
        var mark: Int64 = 0
    }

    private var rows: [Row]

    init(numbers: Int) { rows = Array(repeating: Row(), count: numbers) }

    mutating func acquire(holder: String, now: Int64, mark: Int64) -> GeneratorLease? {
        guard let number = rows.indices.filter({ rows[$0].mark <= now }).min(by: { rows[$0].mark < rows[$1].mark }) else {
            return nil
        }
        let first = rows[number].mark
        rows[number] = Row(fence: rows[number].fence + 1, mark: max(first, mark))
        return GeneratorLease(number: Int64(number), fence: rows[number].fence, first: first, mark: rows[number].mark)
    }

    mutating func renew(_ lease: GeneratorLease, to mark: Int64) -> Bool {
        let number = Int(lease.number)
        guard rows[number].fence == lease.fence else { return false }
        rows[number].mark = max(rows[number].mark, mark)
        return true
    }

    mutating func release(_ lease: GeneratorLease, at mark: Int64) {
        let number = Int(lease.number)
        if rows[number].fence == lease.fence { rows[number].mark = mark }
    }
}
