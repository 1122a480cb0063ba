import DequeModule

/// What a channel has delivered, and which acknowledgements are still to be told to the broker.
///
/// The oldest run of acknowledged deliveries goes out as one `multiple`; what was acknowledged out of order goes out one by one. What is kept is
/// bounded by twice what is outstanding, also while the oldest delivery stays unacknowledged for hours.
struct AckBatch {
    private enum State { case outstanding, acknowledged, told }

    private struct Entry {
        let tag: UInt64
        var state: State
    }

    struct Ack: Equatable {
        let tag: UInt64
        let multiple: Bool
    }

    /// Ascending by tag.
    private var entries: Deque<Entry> = []
    private var acknowledged: [UInt64] = []
    private(set) var outstanding = 0

    /// For tests of the bound.
    var kept: Int { entries.count }

    /// Tags only grow on a channel; deliveries that need no acknowledgement are left out.
    mutating func deliver(_ tag: UInt64) {
        entries.append(Entry(tag: tag, state: .outstanding))
        outstanding += 1
    }

    /// Whether it is the first one since the last flush; false also for a tag that is not outstanding.
    mutating func acknowledge(_ tag: UInt64) -> Bool {
        guard let index = outstandingIndex(of: tag) else { return false }
        entries[index].state = .acknowledged
        outstanding -= 1
        acknowledged.append(tag)
        return acknowledged.count == 1
    }

    /// The caller tells the broker itself. False for a tag that is not outstanding.
    mutating func reject(_ tag: UInt64) -> Bool {
        guard let index = outstandingIndex(of: tag) else { return false }
        entries[index].state = .told
        outstanding -= 1
        return true
    }

    /// What to tell the broker.
    mutating func flush(_ tell: (Ack) -> Void) {
        if acknowledged.isEmpty { return }
        let run = popSettledRun()
        if let last = run.last { tell(Ack(tag: last, multiple: run.count > 1)) }
        if run.count < acknowledged.count { tellOneByOne(after: run.last ?? 0, tell) }
        acknowledged.removeAll(keepingCapacity: true)
        if entries.count > 2 * outstanding + 64 { entries.removeAll { $0.state == .told } }
    }

    /// Drops everything up to the oldest outstanding delivery; how many of it were acknowledged, and the last of them.
    private mutating func popSettledRun() -> (last: UInt64?, count: Int) {
        var run: (last: UInt64?, count: Int) = (nil, 0)
        while let oldest = entries.first, oldest.state != .outstanding {
            if oldest.state == .acknowledged { run = (oldest.tag, run.count + 1) }
            entries.removeFirst()
        }
        return run
    }

    private mutating func tellOneByOne(after last: UInt64, _ tell: (Ack) -> Void) {
        for tag in acknowledged where tag > last {
            guard let index = index(of: tag), entries[index].state == .acknowledged else { continue }
            entries[index].state = .told
            tell(Ack(tag: tag, multiple: false))
        }
    }

    private func outstandingIndex(of tag: UInt64) -> Int? {
        guard let index = index(of: tag), entries[index].state == .outstanding else { return nil }
        return index
    }

    private func index(of tag: UInt64) -> Int? {
        guard let first = entries.first, tag >= first.tag else { return nil }
        // Without gaps the place follows from the tag.
        let guess = tag - first.tag
        if guess < UInt64(entries.count), entries[Int(guess)].tag == tag { return Int(guess) }
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].tag < tag { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].tag == tag ? low : nil
    }
}
