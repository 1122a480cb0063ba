/// Items that wait for a batch, in order of arrival, and the batches in flight.
///
/// A batch leaves at once while none is in flight, however small it is. While one is in flight, new items
/// collect: half as many commits and events, each of twice the size, cost less than two batches at a time
/// save in waiting. When a batch takes longer than ``patience``, because another transaction holds one of its
/// chats or the disk is slow, a second one leaves beside it, ``maximumBatches`` at most.
///
/// Items of one lane (a chat) leave in order of arrival, and only one batch with that lane is in flight at a
/// time. Two would wait for each other's locks and could commit in the wrong order. Items of other lanes
/// overtake an item that waits for its lane.
struct SendQueue<Item, Lane: Hashable> {
    typealias Instant = ContinuousClock.Instant

    /// The largest number of batches in flight.
    static var maximumBatches: Int { 2 }
    /// The largest number of items in a batch: as many messages as one event can carry.
    static var batchSize: Int { 256 }
    /// The largest number of text bytes in a batch: its event is one message to the broker.
    static var batchBytes: Int { 1_024 * 1_024 }

    /// The largest number of waiting items.
    let capacity: Int
    /// How long a batch is alone in flight before another may leave; many times as long as a commit takes.
    let patience: Duration
    private let lane: (Item) -> Lane
    private let bytes: (Item) -> Int
    /// The number of waiting items.
    private(set) var count = 0
    private(set) var batchesInFlight = 0
    private var lastDepartureAt: Instant?
    private var lanesInFlight: Set<Lane> = []
    private var waiting = FIFO<Item>()
    /// Items that were overtaken. They precede all items of their lane in ``waiting``. An item moves here at
    /// most once.
    private var overtaken: [Lane: FIFO<Item>] = [:]
    /// The lanes in ``overtaken`` that are no longer in flight, in the order in which their batches finished.
    private var readyLanes = FIFO<Lane>()

    /// - Parameters:
    ///   - lane: returns the lane of an item.
    ///   - bytes: returns the number of text bytes in an item.
    init(
        capacity: Int, patience: Duration = .milliseconds(20), lane: @escaping (Item) -> Lane, bytes: @escaping (Item) -> Int
    ) {
        self.capacity = capacity
        self.patience = patience
        self.lane = lane
        self.bytes = bytes
    }

    /// - Returns: false when the queue is full.
    mutating func add(_ item: Item) -> Bool {
        guard count < capacity else { return false }
        count += 1
        waiting.append(item)
        return true
    }

    /// Removes the longest-waiting items whose lanes are free, one batch at most. They are in flight until
    /// ``finish(_:)``.
    ///
    /// - Returns: `nil` when no item may leave now.
    mutating func nextBatch(at now: Instant) -> [Item]? {
        guard batchesInFlight < Self.maximumBatches, remainingPatience(at: now) == .zero else { return nil }
        var batch = Batch()
        moveReady(to: &batch)
        moveWaiting(to: &batch)
        if batch.items.isEmpty { return nil }
        batchesInFlight += 1
        lastDepartureAt = now
        count -= batch.items.count
        lanesInFlight.formUnion(batch.items.lazy.map(lane))
        return batch.items
    }

    /// Returns the time after which ``nextBatch(at:)`` may succeed even if no batch finishes; `nil` if time
    /// alone does not help.
    func delayUntilNextBatch(at now: Instant) -> Duration? {
        let left = remainingPatience(at: now)
        return count > 0 && left > .zero && batchesInFlight < Self.maximumBatches ? left : nil
    }

    private func remainingPatience(at now: Instant) -> Duration {
        guard batchesInFlight > 0, let lastDepartureAt else { return .zero }
        return max(.zero, patience - (now - lastDepartureAt))
    }

    /// Ends the flight of a batch.
    mutating func finish(_ batch: [Item]) {
        batchesInFlight -= 1
        for item in batch {
            let lane = lane(item)
            if lanesInFlight.remove(lane) != nil, overtaken[lane] != nil { readyLanes.append(lane) }
        }
    }

    /// Removes the matching items that wait, and returns them.
    mutating func remove(where isMatch: (Item) -> Bool) -> [Item] {
        var removed = waiting.removeAll(where: isMatch)
        for lane in Array(overtaken.keys) {
            guard var items = overtaken.removeValue(forKey: lane) else { continue }
            removed += items.removeAll(where: isMatch)
            if items.isEmpty { _ = readyLanes.removeAll { $0 == lane } } else { overtaken[lane] = items }
        }
        count -= removed.count
        return removed
    }

    // MARK: Filling a batch

    private struct Batch {
        var items: [Item] = []
        var room = SendQueue.batchBytes

        /// - Returns: false when the item does not fit. The first item always fits.
        mutating func add(_ item: Item, bytes: Int) -> Bool {
            guard items.isEmpty || items.count < SendQueue.batchSize && bytes <= room else { return false }
            room -= bytes
            items.append(item)
            return true
        }
    }

    private mutating func moveReady(to batch: inout Batch) {
        while let lane = readyLanes.first, var items = overtaken.removeValue(forKey: lane) {
            let before = items.count
            while let item = items.first, batch.add(item, bytes: bytes(item)) { items.removeFirst() }
            let isDone = items.count < before
            if !items.isEmpty { overtaken[lane] = items }
            guard isDone else { return }
            readyLanes.removeFirst()
        }
    }

    private mutating func moveWaiting(to batch: inout Batch) {
        while let item = waiting.first {
            let lane = lane(item)
            if lanesInFlight.contains(lane) || overtaken[lane] != nil {
                overtaken[lane, default: FIFO()].append(item)
            } else if !batch.add(item, bytes: bytes(item)) {
                return
            }
            waiting.removeFirst()
        }
    }
}
