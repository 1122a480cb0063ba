import TestSupport
import Testing

@testable import Chats

@Suite("Send queue") struct SendQueueTests {
    @Test("one alone leaves at once; with two batches out, what comes collects")
    func collects() {
        var queue = SendQueue<Int>(capacity: 10) { _ in 1 }
        #expect(queue.take() == nil)
        for number in 1...2 {
            #expect(queue.add(number) == true)
            #expect(queue.take() == [number])
        }
        #expect(queue.add(3) && queue.add(4))
        #expect(queue.take() == nil)
        queue.finish()
        #expect(queue.take() == [3, 4])
    }

    @Test("a batch has at most 256")
    func batchSize() {
        var queue = SendQueue<Int>(capacity: 1_000) { _ in 1 }
        for number in 0..<300 { #expect(queue.add(number) == true) }
        #expect(queue.take() == Array(0..<256))
        #expect(queue.take() == Array(256..<300))
        #expect(queue.take() == nil)
    }

    @Test("a batch has at most 1 MiB of text, but one entry at least")
    func batchBytes() {
        let mebibyte = SendQueue<Int>.batchBytes
        var queue = SendQueue<Int>(capacity: 10) { $0 }
        for size in [mebibyte / 2, mebibyte / 2, 1, 2 * mebibyte, 1] { #expect(queue.add(size) == true) }
        var batches: [[Int]] = []
        while let batch = queue.take() {
            batches.append(batch)
            queue.finish()
        }
        #expect(batches == [[mebibyte / 2, mebibyte / 2], [1], [2 * mebibyte], [1]])
    }

    @Test("a full queue refuses, and takes again when it has room")
    func full() {
        var queue = SendQueue<Int>(capacity: 2) { _ in 1 }
        #expect(queue.add(1) && queue.add(2) && !queue.add(3))
        #expect(queue.remove { $0 == 1 } == [1])
        #expect(queue.add(4) == true)
        #expect(queue.take() == [2, 4])
    }

    @Test("nothing is lost, doubled or reordered, and no more than two batches are ever out", arguments: UInt64(1)...40)
    func conservation(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var queue = SendQueue<Int>(capacity: 100) { _ in 1 }
        var (next, taken, removed, refused) = (0, [Int](), Set<Int>(), Set<Int>())
        for _ in 0..<500 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                for _ in 0..<Int.random(in: 1...60, using: &random) {
                    if !queue.add(next) { refused.insert(next) }
                    next += 1
                }
            case 2:
                if let batch = queue.take() {
                    #expect((1...256).contains(batch.count))
                    taken += batch
                }
                #expect(queue.batchesOut <= 2)
            default:
                if queue.batchesOut > 0 { queue.finish() }
                removed.formUnion(queue.remove { $0 % 97 == 3 })
            }
        }
        while queue.batchesOut > 0 { queue.finish() }
        while let batch = queue.take() {
            taken += batch
            queue.finish()
        }
        #expect(taken == (0..<next).filter { !removed.contains($0) && !refused.contains($0) })
        #expect(!refused.isEmpty && !removed.isEmpty)
    }
}
