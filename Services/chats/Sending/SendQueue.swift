import DequeModule

/// What waits for a batch, in order of arrival, and how many batches are out.
///
/// A batch leaves while none is out, however small it is, so that nobody waits for company; while one is out, what arrives collects: half as many
/// commits and facts, each of twice the size, cost less than what two at a time save in waiting. When the one takes longer than ``patience``, because
/// somebody holds one of its chats or the disk is slow, another leaves beside it, ``batchesAtOnce`` at most.
///
/// Entries of one line (a chat) leave in the order in which they came, and only one batch with them is out at a time: two would wait for one another's
/// locks, and might swap places. What has to wait for its line lets the others pass.
struct SendQueue<Entry, Line: Hashable> {
    typealias Instant = ContinuousClock.Instant

    static var batchesAtOnce: Int { 2 }
    /// As many as one fact may tell of.
    static var batchSize: Int { 256 }
    /// Bytes of text: the fact that tells of a batch is one message to the broker.
    static var batchBytes: Int { 1_024 * 1_024 }

    /// How many may wait; further ones are refused.
    let capacity: Int
    /// How long what waits leaves the last batch to be alone; many times as long as a commit takes.
    let patience: Duration
    private let line: (Entry) -> Line
    private let bytes: (Entry) -> Int
    private(set) var count = 0
    private(set) var batchesOut = 0
    private var lastLeftAt: Instant?
    /// Lines of which a batch is out.
    private var out: Set<Line> = []
    private var waiting: Deque<Entry> = []
    /// Those that others passed; they came before all of their line in ``waiting``. Each entry moves here once at most.
    private var passed: [Line: Deque<Entry>] = [:]
    /// Lines in ``passed`` that are not out any more, in the order in which they came back.
    private var ready: Deque<Line> = []

    /// - Parameter bytes: of text in an entry.
    init(
        capacity: Int, patience: Duration = .milliseconds(20), line: @escaping (Entry) -> Line, bytes: @escaping (Entry) -> Int
    ) {
        self.capacity = capacity
        self.patience = patience
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
    mutating func take(at now: Instant) -> [Entry]? {
        guard batchesOut < Self.batchesAtOnce, patienceLeft(at: now) == .zero else { return nil }
        var batch = Batch()
        takeReady(&batch)
        takeWaiting(&batch)
        if batch.entries.isEmpty { return nil }
        batchesOut += 1
        lastLeftAt = now
        count -= batch.entries.count
        out.formUnion(batch.entries.lazy.map(line))
        return batch.entries
    }

    /// When to ask again although no batch was done with; `nil` when time changes nothing.
    func wait(at now: Instant) -> Duration? {
        let left = patienceLeft(at: now)
        return count > 0 && left > .zero && batchesOut < Self.batchesAtOnce ? left : nil
    }

    private func patienceLeft(at now: Instant) -> Duration {
        guard batchesOut > 0, let lastLeftAt else { return .zero }
        return max(.zero, patience - (now - lastLeftAt))
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
