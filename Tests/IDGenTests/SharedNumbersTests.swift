import TestSupport
import Testing

@testable import IDGen

/// Several processes with jumping clocks stop, wake, crash and restart over one table of leases, without
/// sockets.
@Suite("Generator numbers shared by processes") struct SharedNumbersTests {
    @Test("no id is issued twice under any clocks, lost leases and stopped processes", arguments: UInt64(1)...60)
    func neverTwice(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = LeaseTable(numbers: 3)
        var processes = (0..<4).map { _ in SimulatedProcess() }
        var (time, issued, total) = (Int64(100_000), Set<Int64>(), 0)
        for _ in 0..<1_000 {
            time += Int64.random(in: 0...40, using: &random)
            let index = Int.random(in: processes.indices, using: &random)
            let ids = processes[index].act(at: time, on: &table, using: &random)
            total += ids.count
            issued.formUnion(ids)
        }
        #expect(total > 500)
        #expect(issued.count == total)
    }
}

/// Does what the process does between two suspensions, in random order.
private struct SimulatedProcess {
    private static let terms = LeaseTerms(ahead: 300, renewBelow: 200)
    private var skew: Int64 = 0
    private var lease: GeneratorLease?
    private var sequence: IDSequence?
    /// A mark that the table has and the process has not received yet.
    private var pendingMark: Int64?

    mutating func act(at time: Int64, on table: inout LeaseTable, using random: inout SeededGenerator) -> [Int64] {
        let now = time + skew
        switch Int.random(in: 0..<20, using: &random) {
        case 0: skew = Int64.random(in: -2_000...2_000, using: &random)
        case 1: restart()
        case 2...4: renew(&table, now: now)
        case 5: receiveAnswer()
        case 6: release(&table)
        default: return sequence?.issue(Int.random(in: 1...50, using: &random), at: now).ids ?? []
        }
        return []
    }

    private mutating func renew(_ table: inout LeaseTable, now: Int64) {
        let mark = Self.terms.mark(at: now)
        guard let held = lease else {
            lease = table.acquire(holder: "", now: now, mark: mark)
            sequence = lease.map { IDSequence(generator: $0.number, first: $0.first, mark: $0.mark) }
            return
        }
        guard Self.terms.needsRenewal(mark: held.mark, at: now) else { return }
        if table.renew(held, to: mark) { pendingMark = mark } else { restart() }
    }

    private mutating func receiveAnswer() {
        guard let mark = pendingMark, let held = lease else { return }
        lease?.mark = max(held.mark, mark)
        sequence?.raise(mark: mark)
        pendingMark = nil
    }

    private mutating func release(_ table: inout LeaseTable) {
        if let lease, let sequence { table.release(lease, at: sequence.latest + 1) }
        restart()
    }

    private mutating func restart() {
        lease = nil
        sequence = nil
        pendingMark = nil
    }
}
