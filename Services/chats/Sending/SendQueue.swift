/// What waits for a batch, in order of arrival, and how many batches are out.
///
/// A batch leaves while fewer than ``batchesAtOnce`` are out, however small it is, so that nobody waits for company; when they are out, what
/// arrives collects, so that a slow disk makes larger batches instead of a longer queue.
struct SendQueue<Entry> {
    static var batchesAtOnce: Int { 2 }
    /// As many as one fact may tell of.
    static var batchSize: Int { 256 }
    /// Bytes of text: the fact that tells of a batch is one message to the broker.
    static var batchBytes: Int { 1_024 * 1_024 }

    /// How many may wait; further ones are refused.
    let capacity: Int
    private let bytes: (Entry) -> Int
    private var waiting: [Entry] = []
    private(set) var batchesOut = 0

    /// - Parameter bytes: of text in an entry.
    init(capacity: Int, bytes: @escaping (Entry) -> Int) {
        self.capacity = capacity
        self.bytes = bytes
    }

    var count: Int { waiting.count }
    var mayTake: Bool { batchesOut < Self.batchesAtOnce && !waiting.isEmpty }

    /// - Returns: false when the queue is full.
    mutating func add(_ entry: Entry) -> Bool {
        guard waiting.count < capacity else { return false }
        waiting.append(entry)
        return true
    }

    /// The longest-waiting ones, one at least and a batch at most; counts as out until ``finish()``.
    ///
    /// - Returns: `nil` when nothing waits or enough is out.
    mutating func take() -> [Entry]? {
        guard mayTake else { return nil }
        batchesOut += 1
        var room = Self.batchBytes
        let batch = waiting.prefix(Self.batchSize).prefix { entry in
            defer { room -= bytes(entry) }
            return room == Self.batchBytes || bytes(entry) <= room
        }
        waiting.removeFirst(batch.count)
        return Array(batch)
    }

    /// A batch that was taken is done with.
    mutating func finish() { batchesOut -= 1 }

    /// Takes out those for which nobody waits any more.
    mutating func remove(where isOver: (Entry) -> Bool) -> [Entry] {
        let over = waiting.filter(isOver)
        if !over.isEmpty { waiting.removeAll(where: isOver) }
        return over
    }
}
