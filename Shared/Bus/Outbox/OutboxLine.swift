import DequeModule

/// The rows that this process is publishing, and those whose publication is confirmed but that are still in the table.
///
/// Pure, and bounded: what does not fit stays in the table, where the sweeper finds it.
struct OutboxLine {
    struct Bounds {
        /// Events waiting to be sent, and sent but not confirmed.
        var events = 1_024
        var bytes = 32 << 20
        /// Sent and not confirmed.
        var window = 256
    }

    private let bounds: Bounds
    private var waiting: Deque<OutboxEvent> = []
    private var inFlight: [EventID: Int] = [:]
    /// Everything of the two above, so that no event is taken twice.
    private var known: Set<EventID> = []
    private var bytes = 0
    private var confirmed: [EventID] = []
    private var isRemoving = false

    init(_ bounds: Bounds = Bounds()) { self.bounds = bounds }

    /// How many more events fit.
    var room: Int { bytes >= bounds.bytes ? 0 : max(0, bounds.events - known.count) }
    var isIdle: Bool { known.isEmpty && confirmed.isEmpty && !isRemoving }
    /// Committed, and as far as we know not published yet.
    var unpublished: Int { known.count }

    /// Takes in what fits and is new.
    mutating func add(_ events: [OutboxEvent]) {
        for event in events where room > 0 && known.insert(event.id).inserted {
            waiting.append(event)
            bytes += event.data.count
        }
    }

    /// The next one to send now; ``failed(_:)`` or ``confirmed(_:)`` must follow.
    mutating func next() -> OutboxEvent? {
        guard inFlight.count < bounds.window, let event = waiting.popFirst() else { return nil }
        inFlight[event.id] = event.data.count
        return event
    }

    /// The broker has it: the row may go.
    mutating func confirmed(_ id: EventID) {
        if forget(id) { confirmed.append(id) }
    }

    /// Not published, or nobody knows: the row stays, for the sweeper.
    mutating func failed(_ id: EventID) { _ = forget(id) }

    /// Nothing can be sent now: everything that waits is left to the sweeper.
    mutating func giveUpWaiting() {
        for event in waiting {
            known.remove(event.id)
            bytes -= event.data.count
        }
        waiting = []
    }

    /// Rows to remove now, at most a thousand, if no removal is under way; ``removed()`` or ``notRemoved(_:)`` must follow.
    mutating func takeForRemoval() -> [EventID]? {
        if isRemoving || confirmed.isEmpty { return nil }
        isRemoving = true
        let ids = Array(confirmed.prefix(1_000))
        confirmed.removeFirst(ids.count)
        return ids
    }

    mutating func removed() { isRemoving = false }

    /// The database is away. They are tried again, as many as memory has room for; the sweeper publishes the others once more.
    mutating func notRemoved(_ ids: [EventID]) {
        isRemoving = false
        if confirmed.count + ids.count <= 100_000 { confirmed += ids }
    }

    private mutating func forget(_ id: EventID) -> Bool {
        guard let size = inFlight.removeValue(forKey: id) else { return false }
        known.remove(id)
        bytes -= size
        return true
    }
}
