import TestSupport
import Testing

@testable import Chats

@Suite("Send queue") struct SendQueueTests {
    typealias Queue = SendQueue<Int, Int>

    let start = ContinuousClock.now

    /// Each entry in a line of its own, one byte long.
    func queue(capacity: Int, patience: Duration = .zero) -> Queue {
        Queue(capacity: capacity, patience: patience, line: { $0 }, bytes: { _ in 1 })
    }

    @Test("while a batch is out, what comes collects; when it takes long, another leaves beside it, and no third")
    func patience() {
        var queue = queue(capacity: 10, patience: .milliseconds(20))
        #expect(queue.wait(at: start) == nil)
        #expect(queue.add(1) && queue.take(at: start) == [1] && queue.wait(at: start) == nil)
        #expect(queue.add(2) && queue.add(3))
        #expect(queue.take(at: start + .milliseconds(19)) == nil)
        #expect(queue.wait(at: start + .milliseconds(19)) == .milliseconds(1))
        #expect(queue.take(at: start + .milliseconds(20)) == [2, 3])
        #expect(queue.add(4) == true)
        #expect(queue.take(at: start + .milliseconds(90)) == nil && queue.wait(at: start + .milliseconds(90)) == nil)
        queue.finish([2, 3])
        #expect(queue.take(at: start + .milliseconds(90)) == [4])
        queue.finish([4])
        queue.finish([1])
        #expect(queue.add(5) && queue.take(at: start + .milliseconds(90)) == [5])
    }

    @Test("one alone leaves at once; with two batches out nothing leaves")
    func collects() {
        var queue = queue(capacity: 10)
        #expect(queue.take(at: start) == nil)
        for number in 1...2 {
            #expect(queue.add(number) == true)
            #expect(queue.take(at: start) == [number])
        }
        #expect(queue.add(3) && queue.add(4))
        #expect(queue.take(at: start) == nil)
        queue.finish([1])
        #expect(queue.take(at: start) == [3, 4])
    }

    @Test("a batch has at most 256")
    func batchSize() {
        var queue = queue(capacity: 1_000)
        for number in 0..<300 { #expect(queue.add(number) == true) }
        #expect(queue.take(at: start) == Array(0..<256))
        #expect(queue.take(at: start) == Array(256..<300))
        #expect(queue.take(at: start) == nil)
    }

    @Test("a batch has at most 1 MiB of text, but one entry at least")
    func batchBytes() {
        let mebibyte = Queue.batchBytes
        var queue = Queue(capacity: 10, patience: .zero, line: { _ in 0 }, bytes: { $0 })
        for size in [mebibyte / 2, mebibyte / 2, 1, 2 * mebibyte, 1] { #expect(queue.add(size) == true) }
        var batches: [[Int]] = []
        while let batch = queue.take(at: start) {
            batches.append(batch)
            queue.finish(batch)
        }
        #expect(batches == [[mebibyte / 2, mebibyte / 2], [1], [2 * mebibyte], [1]])
    }

    @Test("a full queue refuses, and takes again when it has room")
    func full() {
        var queue = queue(capacity: 2)
        #expect(queue.add(1) && queue.add(2) && !queue.add(3))
        #expect(queue.remove { $0 == 1 } == [1])
        #expect(queue.add(4) == true)
        #expect(queue.take(at: start) == [2, 4])
    }

    @Test("what waits for its line lets others pass, and comes first when the line is free")
    func lines() {
        var queue = Queue(capacity: 100, patience: .zero, line: { $0 / 10 }, bytes: { _ in 1 })
        for entry in [10, 11, 20] { #expect(queue.add(entry) == true) }
        #expect(queue.take(at: start) == [10, 11, 20])
        for entry in [12, 30, 21, 13, 31] { #expect(queue.add(entry) == true) }
        #expect(queue.take(at: start) == [30, 31])
        for entry in [14, 40] { #expect(queue.add(entry) == true) }
        queue.finish([10, 11, 20])
        #expect(queue.take(at: start) == [12, 13, 21, 14, 40])
        queue.finish([30, 31])
        #expect(queue.take(at: start) == nil && queue.count == 0)
    }

    @Test("nothing passes only because its line was passed before, while more of it waits")
    func longLine() {
        var queue = Queue(capacity: 1_000, patience: .zero, line: { $0 / 1_000 }, bytes: { _ in 1 })
        for entry in 0..<600 { #expect(queue.add(entry) == true) }
        #expect(queue.take(at: start) == Array(0..<256))
        #expect(queue.take(at: start) == nil && queue.count == 344)
        #expect(queue.add(600) == true)
        queue.finish(Array(0..<256))
        #expect(queue.take(at: start) == Array(256..<512))
        queue.finish(Array(256..<512))
        #expect(queue.take(at: start) == Array(512...600))
    }

    @Test(
        "nothing is lost or doubled, no line is reordered or out twice, and no more than two batches are ever out",
        arguments: UInt64(1)...40)
    func conservation(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let lines = Int.random(in: 1...30, using: &random)
        var queue = Queue(capacity: 100, patience: .zero, line: { $0 % lines }, bytes: { _ in 1 })
        var (next, taken, removed, refused, out) = (0, [Int](), Set<Int>(), Set<Int>(), [[Int]]())
        func take() {
            guard let batch = queue.take(at: start) else { return }
            #expect((1...256).contains(batch.count))
            #expect(Set(batch.map { $0 % lines }).isDisjoint(with: out.joined().map { $0 % lines }))
            taken += batch
            out.append(batch)
        }
        for _ in 0..<500 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                for _ in 0..<Int.random(in: 1...60, using: &random) {
                    if !queue.add(next) { refused.insert(next) }
                    next += 1
                }
            case 2:
                take()
                #expect(queue.batchesOut == out.count && out.count <= 2)
            default:
                if !out.isEmpty { queue.finish(out.remove(at: .random(in: out.indices, using: &random))) }
                removed.formUnion(queue.remove { $0 % 97 == 3 })
            }
        }
        while queue.count > 0 || !out.isEmpty {
            if !out.isEmpty { queue.finish(out.removeFirst()) }
            take()
        }
        let expected = (0..<next).filter { !removed.contains($0) && !refused.contains($0) }
        for line in 0..<lines {
            #expect(taken.filter { $0 % lines == line } == expected.filter { $0 % lines == line })
        }
        #expect(!refused.isEmpty && !removed.isEmpty)
    }
}
