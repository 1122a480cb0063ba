import Contracts
import TestSupport
import Testing

@testable import Users

@Suite("Key schedule") struct KeyScheduleTests {
    let schedule = KeySchedule()
    let start = Timestamp(millisecondsSinceEpoch: 1_800_000_000_000)

    @Test("the first key signs at once, also on an instance whose clock is behind; later keys sign after the lead")
    func lead() {
        #expect(schedule.next(after: [], at: start) == start - schedule.slack)
        let first = entry("a", created: start, signs: start)
        #expect(schedule.next(after: [first], at: start + .seconds(30 * 86_400 - 1)) == nil)
        let due = start + .seconds(30 * 86_400)
        #expect(schedule.next(after: [first], at: due) == due + schedule.lead)
        #expect(schedule.lead > schedule.tokenLifetime)
    }

    @Test("a forced rotation creates a key at once; a second one does not create another")
    func forced() {
        let first = entry("a", created: start, signs: start)
        let soon = start + .seconds(60)
        #expect(schedule.next(after: [first], at: soon, forced: true) == soon + schedule.lead)
        let second = entry("b", created: soon, signs: soon + schedule.lead)
        #expect(schedule.next(after: [first, second], at: soon + .seconds(1), forced: true) == nil)
        #expect(schedule.next(after: [first, second], at: soon + schedule.lead, forced: true) != nil)
    }

    @Test("a key stays published until its last token has expired")
    func goes() {
        let first = entry("a", created: start, signs: start)
        let second = entry("b", created: start, signs: start + .seconds(1_000))
        let last = start + .seconds(1_000) + schedule.tokenLifetime + schedule.slack
        #expect(schedule.published([second, first], at: last - .milliseconds(1)).map(\.id) == ["a", "b"])
        #expect(schedule.published([second, first], at: last).map(\.id) == ["b"])
        #expect(schedule.signing([first, second], at: start + .seconds(999))?.id == "a")
        #expect(schedule.signing([first, second], at: start + .seconds(1_000))?.id == "b")
        #expect(schedule.signing([second], at: start) == nil)
    }

    /// Instances and edges reload at any time. No edge ever gets a valid token whose
    /// key it lacks.
    @Test("every token verifies at every edge until it expires", arguments: UInt64(1)...30)
    func simulation(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var (now, rows) = (start, [entry("0", created: start, signs: start)])
        var instances = [rows, rows, rows]
        var edges = Array(repeating: EdgeKeys(ids: ["0"], fetchedAt: now), count: 3)
        var living: [String: Timestamp] = [:]  // when the last token of each key expires
        var (rotations, unverified) = (0, 0)
        for _ in 0..<3_000 {
            now = now + .seconds(Int.random(in: 1...60, using: &random))
            if Int.random(in: 0..<100, using: &random) == 0, let signsFrom = schedule.next(after: rows, at: now, forced: true) {
                rotations += 1
                rows.append(entry("\(rotations)", created: now, signs: signsFrom))
            }
            for index in instances.indices {
                // An instance's copy is never older than a few minutes when it signs.
                if Int.random(in: 0..<3, using: &random) == 0 { instances[index] = rows }
                guard let key = schedule.signing(instances[index], at: now) else { continue }
                living[key.id] = now + schedule.tokenLifetime
            }
            living = living.filter { $0.value > now }
            for index in edges.indices {
                if now - .seconds(900) >= edges[index].fetchedAt || Int.random(in: 0..<20, using: &random) == 0 {
                    edges[index] = EdgeKeys(ids: Set(schedule.published(rows, at: now).map(\.id)), fetchedAt: now)
                }
                if !edges[index].ids.isSuperset(of: living.keys) { unverified += 1 }
            }
        }
        #expect(unverified == 0)
        #expect(rotations > 3)  // the walk did reach the code
    }

    private struct EdgeKeys {
        var ids: Set<String>
        var fetchedAt: Timestamp
    }

    private func entry(_ id: String, created: Timestamp, signs: Timestamp) -> KeySchedule.Entry {
        KeySchedule.Entry(id: id, createdAt: created, signsFrom: signs)
    }
}
