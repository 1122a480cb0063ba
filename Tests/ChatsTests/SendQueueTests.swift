import TestSupport
import Testing

@testable import Chats

@Suite("Send queue") struct SendQueueTests {
    typealias Queue = SendQueue<Int, Int>

    let start = ContinuousClock.now

    /// A queue with one lane per item and one byte per item.
    func queue(capacity: Int, patience: Duration = .zero) -> Queue {
        Queue(capacity: capacity, patience: patience, lane: { $0 }, bytes: { _ in 1 })
    }

    @Test("items collect while a batch is in flight; a slow one lets a second batch leave, but not a third")
    func patience() {
        var queue = queue(capacity: 10, patience: .milliseconds(20))
        #expect(queue.delayUntilNextBatch(at: start) == nil)
        #expect(queue.add(1) && queue.nextBatch(at: start) == [1] && queue.delayUntilNextBatch(at: start) == nil)
        #expect(queue.add(2) && queue.add(3))
        #expect(queue.nextBatch(at: start + .milliseconds(19)) == nil)
        #expect(queue.delayUntilNextBatch(at: start + .milliseconds(19)) == .milliseconds(1))
        #expect(queue.nextBatch(at: start + .milliseconds(20)) == [2, 3])
        #expect(queue.add(4) == true)
        #expect(
            queue.nextBatch(at: start + .milliseconds(90)) == nil
                && queue.delayUntilNextBatch(at: start + .milliseconds(90)) == nil)
        queue.finish([2, 3])
        #expect(queue.nextBatch(at: start + .milliseconds(90)) == [4])
        queue.finish([4])
        queue.finish([1])
        #expect(queue.add(5) && queue.nextBatch(at: start + .milliseconds(90)) == [5])
    }

    @Test("a single item leaves at once, and none leaves with two batches in flight")
    func collects() {
        var queue = queue(capacity: 10)
        #expect(queue.nextBatch(at: start) == nil)
        for number in 1...2 {
            #expect(queue.add(number) == true)
            #expect(queue.nextBatch(at: start) == [number])
        }
        #expect(queue.add(3) && queue.add(4))
        #expect(queue.nextBatch(at: start) == nil)
        queue.finish([1])
        #expect(queue.nextBatch(at: start) == [3, 4])
    }

    @Test("a batch has at most 256 items")
    func batchSize() {
        var queue = queue(capacity: 1_000)
        for number in 0..<300 { #expect(queue.add(number) == true) }
        #expect(queue.nextBatch(at: start) == Array(0..<256))
        #expect(queue.nextBatch(at: start) == Array(256..<300))
        #expect(queue.nextBatch(at: start) == nil)
    }

    @Test("a batch has at most 1 MiB of text, but at least one item")
    func batchBytes() {
        let mebibyte = Queue.batchBytes
        var queue = Queue(capacity: 10, patience: .zero, lane: { _ in 0 }, bytes: { $0 })
        for size in [mebibyte / 2, mebibyte / 2, 1, 2 * mebibyte, 1] { #expect(queue.add(size) == true) }
        var batches: [[Int]] = []
        while let batch = queue.nextBatch(at: start) {
            batches.append(batch)
            queue.finish(batch)
        }
        #expect(batches == [[mebibyte / 2, mebibyte / 2], [1], [2 * mebibyte], [1]])
    }

    @Test("a full queue refuses items until it has room")
    func full() {
        var queue = queue(capacity: 2)
        #expect(queue.add(1) && queue.add(2) && !queue.add(3))
        #expect(queue.remove { $0 == 1 } == [1])
        #expect(queue.add(4) == true)
        #expect(queue.nextBatch(at: start) == [2, 4])
    }

    @Test("an item that waits for its lane is overtaken, and is first once the lane is free")
    func lines() {
        var queue = Queue(capacity: 100, patience: .zero, lane: { $0 / 10 }, bytes: { _ in 1 })
        for entry in [10, 11, 20] { #expect(queue.add(entry) == true) }
        #expect(queue.nextBatch(at: start) == [10, 11, 20])
        for entry in [12, 30, 21, 13, 31] { #expect(queue.add(entry) == true) }
        #expect(queue.nextBatch(at: start) == [30, 31])
        for entry in [14, 40] { #expect(queue.add(entry) == true) }
        queue.finish([10, 11, 20])
        #expect(queue.nextBatch(at: start) == [12, 13, 21, 14, 40])
        queue.finish([30, 31])
        #expect(queue.nextBatch(at: start) == nil && queue.count == 0)
    }

    @Test("items of an overtaken lane keep their order while more of them wait")
    func longLine() {
        var queue = Queue(capacity: 1_000, patience: .zero, lane: { $0 / 1_000 }, bytes: { _ in 1 })
        for entry in 0..<600 { #expect(queue.add(entry) == true) }
        #expect(queue.nextBatch(at: start) == Array(0..<256))
        #expect(queue.nextBatch(at: start) == nil && queue.count == 344)
        #expect(queue.add(600) == true)
        queue.finish(Array(0..<256))
        #expect(queue.nextBatch(at: start) == Array(256..<512))
        queue.finish(Array(256..<512))
        #expect(queue.nextBatch(at: start) == Array(512...600))
    }

    @Test(
        "no item is lost, duplicated or reordered within its lane, and at most two batches are in flight",
        arguments: UInt64(1)...40)
    func conservation(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let lines = Int.random(in: 1...30, using: &random)
        var queue = Queue(capacity: 100, patience: .zero, lane: { $0 % lines }, bytes: { _ in 1 })
        var (next, batched, removed, refused, out) = (0, [Int](), Set<Int>(), Set<Int>(), [[Int]]())
        func startBatch() {
            guard let batch = queue.nextBatch(at: start) else { return }
            #expect((1...256).contains(batch.count))
            #expect(Set(batch.map { $0 % lines }).isDisjoint(with: out.joined().map { $0 % lines }))
            batched += batch
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
                startBatch()
                #expect(queue.batchesInFlight == out.count && out.count <= 2)
            default:
                if !out.isEmpty { queue.finish(out.remove(at: .random(in: out.indices, using: &random))) }
                removed.formUnion(queue.remove { $0 % 97 == 3 })
            }
        }
        while queue.count > 0 || !out.isEmpty {
            if !out.isEmpty { queue.finish(out.removeFirst()) }
            startBatch()
        }
        let expected = (0..<next).filter { !removed.contains($0) && !refused.contains($0) }
        for line in 0..<lines {
            #expect(batched.filter { $0 % lines == line } == expected.filter { $0 % lines == line })
        }
        #expect(!refused.isEmpty && !removed.isEmpty)
    }
}
