import TestSupport
import Testing

@testable import AMQP

@Suite("Batched acknowledgements") struct AckBatchTests {
    private func flushed(_ batch: inout AckBatch) -> [AckBatch.Ack] {
        var acks: [AckBatch.Ack] = []
        batch.flush { acks.append($0) }
        return acks
    }

    @Test("consecutive acknowledgements are sent as one")
    func run() {
        var batch = AckBatch()
        for tag in 1...5 { batch.deliver(UInt64(tag)) }
        for tag in [3, 1, 2] { _ = batch.acknowledge(UInt64(tag)) }
        #expect(flushed(&batch) == [.init(tag: 3, multiple: true)])
        #expect(batch.outstanding == 2)
        #expect(flushed(&batch) == [])
    }

    @Test("a single acknowledgement is not multiple, and one out of order is sent alone")
    func outOfOrder() {
        var batch = AckBatch()
        for tag in 1...4 { batch.deliver(UInt64(tag)) }
        for tag in [1, 3] { _ = batch.acknowledge(UInt64(tag)) }
        #expect(flushed(&batch) == [.init(tag: 1, multiple: false), .init(tag: 3, multiple: false)])
        _ = batch.acknowledge(2)
        _ = batch.acknowledge(4)
        #expect(flushed(&batch) == [.init(tag: 4, multiple: true)])
    }

    @Test("the first acknowledgement since a flush requests one; unknown and repeated tags do not")
    func first() {
        var batch = AckBatch()
        batch.deliver(1)
        batch.deliver(2)
        #expect(batch.acknowledge(7) == false)
        #expect(batch.acknowledge(1) == true)
        #expect(batch.acknowledge(1) == false)
        #expect(batch.acknowledge(2) == false)
        #expect(flushed(&batch).count == 1)
        #expect(batch.reject(2) == false)
    }

    @Test("a rejected delivery does not interrupt a run and is not acknowledged")
    func rejected() {
        var batch = AckBatch()
        for tag in 1...3 { batch.deliver(UInt64(tag)) }
        let isOutstanding = batch.reject(2)
        #expect(isOutstanding)
        _ = batch.acknowledge(3)
        _ = batch.acknowledge(1)
        #expect(flushed(&batch) == [.init(tag: 3, multiple: true)])
    }

    @Test("a delivery that is never acknowledged does not retain all later ones")
    func bounded() {
        var batch = AckBatch()
        batch.deliver(1)
        for tag in UInt64(2)...10_000 {
            batch.deliver(tag)
            _ = batch.acknowledge(tag)
            _ = flushed(&batch)
        }
        #expect(batch.outstanding == 1)
        #expect(batch.storedCount <= 2 * 1 + 64 + 1)
    }

    @Test("the broker receives every acknowledgement exactly once, and no other", arguments: UInt64(1)...40)
    func property(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var (batch, broker) = (AckBatch(), Broker())
        var (tag, outstanding, acknowledged): (UInt64, [UInt64], Set<UInt64>) = (0, [], [])
        for _ in 0..<800 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                tag += UInt64.random(in: 1...3, using: &random)  // deliveries without acknowledgement leave gaps
                batch.deliver(tag)
                broker.delivered(tag)
                outstanding.append(tag)
            case 4..<8 where !outstanding.isEmpty:
                // Mostly the oldest, like real consumers.
                let last = Bool.random(using: &random) ? 0 : outstanding.count - 1
                let done = outstanding.remove(at: .random(in: 0...last, using: &random))
                _ = batch.acknowledge(done)
                acknowledged.insert(done)
            case 8 where !outstanding.isEmpty:
                let refused = outstanding.remove(at: .random(in: 0..<outstanding.count, using: &random))
                let isOutstanding = batch.reject(refused)
                #expect(isOutstanding)
                broker.rejected(refused)
            default:
                batch.flush { broker.apply($0) }
                #expect(broker.unknown == 0)
                #expect(broker.acknowledged == acknowledged)
            }
            #expect(batch.outstanding == outstanding.count)
        }
        #expect(acknowledged.count > 100)
    }

    /// A minimal model of the broker.
    private struct Broker {
        private var open: Set<UInt64> = []
        private(set) var acknowledged: Set<UInt64> = []
        /// Acknowledgements of unknown tags, for which the broker would close the channel.
        private(set) var unknown = 0

        mutating func delivered(_ tag: UInt64) { open.insert(tag) }

        mutating func rejected(_ tag: UInt64) { if open.remove(tag) == nil { unknown += 1 } }

        mutating func apply(_ ack: AckBatch.Ack) {
            if !open.contains(ack.tag) { unknown += 1 }
            let settled = open.filter { ack.multiple ? $0 <= ack.tag : $0 == ack.tag }
            open.subtract(settled)
            acknowledged.formUnion(settled)
        }
    }
}
