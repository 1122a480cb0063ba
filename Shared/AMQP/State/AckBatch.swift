import DequeModule

/// The deliveries of a channel and the acknowledgements to send.
///
/// The oldest run of acknowledged deliveries is sent as one `multiple`; acknowledgements out of order are
/// sent one by one. The memory is bounded by twice the number of outstanding deliveries, even if the oldest
/// stays unacknowledged for hours.
struct AckBatch {
    private enum State { case outstanding, acknowledged, sent }

    private struct TrackedDelivery {
        let tag: UInt64
        var state: State
    }

    struct Ack: Equatable {
        let tag: UInt64
        let multiple: Bool
    }

    /// Deliveries in ascending order of tags.
    private var deliveries: Deque<TrackedDelivery> = []
    private var acknowledged: [UInt64] = []
    private(set) var outstanding = 0

    /// The number of deliveries in memory, for tests.
    var storedCount: Int { deliveries.count }

    /// Adds a delivery that needs an acknowledgement. Tags ascend on a channel.
    mutating func deliver(_ tag: UInt64) {
        deliveries.append(TrackedDelivery(tag: tag, state: .outstanding))
        outstanding += 1
    }

    /// Records an acknowledgement. Returns whether it is the first since the last flush; false also for an
    /// unknown tag.
    mutating func acknowledge(_ tag: UInt64) -> Bool {
        guard let index = outstandingIndex(of: tag) else { return false }
        deliveries[index].state = .acknowledged
        outstanding -= 1
        acknowledged.append(tag)
        return acknowledged.count == 1
    }

    /// Records a rejection, which the caller sends. Returns false for an unknown tag.
    mutating func reject(_ tag: UInt64) -> Bool {
        guard let index = outstandingIndex(of: tag) else { return false }
        deliveries[index].state = .sent
        outstanding -= 1
        return true
    }

    /// Calls `send` for each acknowledgement to send.
    mutating func flush(_ send: (Ack) -> Void) {
        if acknowledged.isEmpty { return }
        let run = popSettledRun()
        if let last = run.last { send(Ack(tag: last, multiple: run.count > 1)) }
        if run.count < acknowledged.count { sendOneByOne(after: run.last ?? 0, send) }
        acknowledged.removeAll(keepingCapacity: true)
        if deliveries.count > 2 * outstanding + 64 { deliveries.removeAll { $0.state == .sent } }
    }

    /// Drops all deliveries before the oldest outstanding one. Returns the number and the last tag of the
    /// acknowledged ones.
    private mutating func popSettledRun() -> (last: UInt64?, count: Int) {
        var run: (last: UInt64?, count: Int) = (nil, 0)
        while let oldest = deliveries.first, oldest.state != .outstanding {
            if oldest.state == .acknowledged { run = (oldest.tag, run.count + 1) }
            deliveries.removeFirst()
        }
        return run
    }

    private mutating func sendOneByOne(after last: UInt64, _ send: (Ack) -> Void) {
        for tag in acknowledged where tag > last {
            guard let index = index(of: tag), deliveries[index].state == .acknowledged else { continue }
            deliveries[index].state = .sent
            send(Ack(tag: tag, multiple: false))
        }
    }

    private func outstandingIndex(of tag: UInt64) -> Int? {
        guard let index = index(of: tag), deliveries[index].state == .outstanding else { return nil }
        return index
    }

    private func index(of tag: UInt64) -> Int? {
        guard let first = deliveries.first, tag >= first.tag else { return nil }
        // Without gaps the index follows from the tag.
        let guess = tag - first.tag
        if guess < UInt64(deliveries.count), deliveries[Int(guess)].tag == tag { return Int(guess) }
        var (low, high) = (0, deliveries.count)
        while low < high {
            let middle = (low + high) / 2
            if deliveries[middle].tag < tag { low = middle + 1 } else { high = middle }
        }
        return low < deliveries.count && deliveries[low].tag == tag ? low : nil
    }
}
