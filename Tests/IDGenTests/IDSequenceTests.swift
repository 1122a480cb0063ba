import Contracts
import TestSupport
import Testing

@testable import IDGen

@Suite("Id sequence") struct IDSequenceTests {
    @Test("an id is milliseconds, generator and sequence, from high to low")
    func layout() {
        var sequence = IDSequence(generator: 7, first: 0, mark: 1_000)
        #expect(sequence.issue(2, at: 100) == ([100 << 22 | 7 << 12, 100 << 22 | 7 << 12 | 1], .done))
    }

    @Test("ids are at most ten milliseconds ahead of the clock")
    func lead() {
        var sequence = IDSequence(generator: 0, first: 0, mark: 1_000)
        let (ids, step) = sequence.issue(4_096 * 12, at: 100)
        #expect(ids.count == 4_096 * 11)
        #expect(ids.last == Int64(110 << 22 | 4_095))
        #expect(step == .wait(milliseconds: 1))
    }

    @Test("no id is issued at or beyond the mark until the mark is raised")
    func mark() {
        var sequence = IDSequence(generator: 0, first: 0, mark: 101)
        #expect(sequence.issue(5_000, at: 100).step == .renew)
        #expect(sequence.issue(1, at: 5_000) == ([], .renew))
        sequence.raise(mark: 5_001)
        #expect(sequence.issue(1, at: 5_000).step == .done)
    }

    @Test("the mark never decreases")
    func markNeverSinks() {
        var sequence = IDSequence(generator: 0, first: 0, mark: 500)
        sequence.raise(mark: 100)
        #expect(sequence.mark == 500)
    }

    @Test("a clock set back slightly needs no wait, then a wait; set back by more than a second, it is refused")
    func clockStepsBack() {
        var sequence = IDSequence(generator: 0, first: 0, mark: 10_000)
        #expect(sequence.issue(1, at: 5_000).step == .done)
        #expect(sequence.issue(1, at: 4_995).step == .done)
        #expect(sequence.issue(1, at: 4_500) == ([], .wait(milliseconds: 490)))
        #expect(sequence.issue(1, at: 4_000) == ([], .wait(milliseconds: 990)))
        #expect(sequence.issue(1, at: 3_989) == ([], .refuse(clockBehindBy: 1_011)))
    }

    @Test("a clock set back by a second is bridged by waiting, even if ids were ahead of it")
    func clockStepsBackBehindLead() {
        var sequence = IDSequence(generator: 0, first: 0, mark: 10_000)
        #expect(sequence.issue(4_096 * 10 + 1, at: 5_000).step == .done)
        #expect(sequence.issue(1, at: 4_000) == ([], .wait(milliseconds: 1_000)))
    }

    @Test("no id is issued for a time that it cannot hold, whatever the mark")
    func end() {
        var sequence = IDSequence(generator: 1_023, first: 0, mark: .max)
        let (ids, step) = sequence.issue(5_000, at: (1 << 41) - 1)
        #expect(ids.count == 4_096 && ids.last == .max)
        #expect(step == .renew)
        sequence.raise(mark: .max)
        #expect(sequence.issue(1, at: (1 << 41) - 1) == ([], .renew))
        #expect(sequence.issue(1, at: 1 << 41) == ([], .tooLate))
    }

    @Test("ids begin at the first millisecond of the lease")
    func first() {
        var sequence = IDSequence(generator: 0, first: 500, mark: 10_000)
        #expect(sequence.issue(1, at: 495).ids == [500 << 22])
    }

    @Test("ids always increase, whatever the clock does", arguments: UInt64(1)...40)
    func onlyGrow(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var sequence = IDSequence(generator: 3, first: 0, mark: .max)
        var (now, issued) = (Int64(1_000_000), [Int64]())
        for _ in 0..<1_000 {
            now += Int64.random(in: -2...3, using: &random)
            issued += sequence.issue(Int.random(in: 1...60, using: &random), at: now).ids
        }
        #expect(issued.count > 1_000)
        #expect(zip(issued, issued.dropFirst()).allSatisfy { $0 < $1 })
    }
}

extension IDSequence {
    mutating func issue(_ count: Int, at now: Int64) -> (ids: [Int64], step: Step) {
        var batch = IDBatch(count)
        let step = fill(&batch, at: now)
        return (batch.runs.flatMap(\.ids).map(\.rawValue), step)
    }
}
