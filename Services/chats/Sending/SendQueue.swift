import DequeModule

/// What waits for a batch, in order of arrival, and how many batches are out.
///
/// A batch leaves while fewer than ``batchesAtOnce`` are out, however small it is, so that nobody waits for company; when they are out, what
/// arrives collects, so that a slow disk makes larger batches instead of a longer queue.
///
/// Entries of one line (a chat) leave in the order in which they came, and only one batch with them is out at a time: two would wait for one another's
/// locks, and might swap places. What has to wait for its line lets the others pass.
struct SendQueue<Entry, Line: Hashable> {
    static var batchesAtOnce: Int { 2 }
    /// As many as one fact may tell of.
    static var batchSize: Int { 256 }
    /// Bytes of text: the fact that tells of a batch is one message to the broker.
    static var batchBytes: Int { 1_024 * 1_024 }

    /// How many may wait; further ones are refused.
    let capacity: Int
    private let line: (Entry) -> Line
    private let bytes: (Entry) -> Int
    private(set) var count = 0
    private(set) var batchesOut = 0
    /// Lines of which a batch is out.
    private var out: Set<Line> = []
    private var waiting: Deque<Entry> = []
    /// Those that others passed; they came before all of their line in ``waiting``. Each entry moves here once at most.
    private var passed: [Line: Deque<Entry>] = [:]
    /// Lines in ``passed`` that are not out any more, in the order in which they came back.
    private var ready: Deque<Line> = []

    /// - Parameter bytes: of text in an entry.
    init(capacity: Int, line: @escaping (Entry) -> Line, bytes: @escaping (Entry) -> Int) {
        self.capacity = capacity
        self.line = line
        self.bytes = bytes
    }

    /// - Returns: false when the queue is full.
    mutating func add(_ entry: Entry) -> Bool {
        guard count < capacity else { return false }
        count += 1
        waiting.append(entry)
        return true
    }

    /// The longest-waiting ones whose line is free, one at least and a batch at most; they count as out until ``finish(_:)``.
    ///
    /// - Returns: `nil` when none may leave, or enough is out.
    mutating func take() -> [Entry]? {
        guard batchesOut < Self.batchesAtOnce else { return nil }
        var batch = Batch()
        takeReady(&batch)
        takeWaiting(&batch)
        if batch.entries.isEmpty { return nil }
        batchesOut += 1
        count -= batch.entries.count
        out.formUnion(batch.entries.lazy.map(line))
        return batch.entries
    }

    /// A batch that was taken is done with.
    mutating func finish(_ batch: [Entry]) {
        batchesOut -= 1
        for entry in batch {
            let line = line(entry)
            if out.remove(line) != nil, passed[line] != nil { ready.append(line) }
        }
    }

    /// Takes out those for which nobody waits any more.
    mutating func remove(where isOver: (Entry) -> Bool) -> [Entry] {
        var over = waiting.filter(isOver)
        if !over.isEmpty { waiting.removeAll(where: isOver) }
        for (line, entries) in passed where entries.contains(where: isOver) {
            over += entries.filter(isOver)
            keepPassed(entries.filter { !isOver($0) }, of: line)
        }
        count -= over.count
        return Array(over)
    }

    // MARK: Filling a batch

    private struct Batch {
        var entries: [Entry] = []
        var room = SendQueue.batchBytes

        mutating func take(_ entry: Entry, bytes: Int) -> Bool {
            guard entries.isEmpty || entries.count < SendQueue.batchSize && bytes <= room else { return false }
            room -= bytes
            entries.append(entry)
            return true
        }
    }

    private mutating func takeReady(_ batch: inout Batch) {
        while let line = ready.first, var entries = passed[line] {
            let before = entries.count
            while let entry = entries.first, batch.take(entry, bytes: bytes(entry)) { entries.removeFirst() }
            if entries.count == before { return }
            ready.removeFirst()
            passed[line] = entries.isEmpty ? nil : entries
        }
    }

    private mutating func takeWaiting(_ batch: inout Batch) {
        while let entry = waiting.first {
            let line = line(entry)
            if out.contains(line) || passed[line] != nil {
                passed[line, default: []].append(entry)
            } else if !batch.take(entry, bytes: bytes(entry)) {
                return
            }
            waiting.removeFirst()
        }
    }

    private mutating func keepPassed(_ entries: Deque<Entry>, of line: Line) {
        passed[line] = entries.isEmpty ? nil : entries
        if entries.isEmpty { ready.removeAll { $0 == line } }
    }
}
