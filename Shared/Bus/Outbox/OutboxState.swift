import Contracts
import DequeModule

/// The rows that this process is publishing, and those whose publication is confirmed but that are still in the table.
///
/// Some events are forwarded to a second destination too, in no order with their publication. Such a row is removed when both are confirmed.
///
/// Pure, and bounded: what does not fit stays in the table, where the sweeper finds it.
struct OutboxState {
    struct Bounds {
        /// Events waiting to be sent, and sent but not confirmed.
        var events = 1_024
        var bytes = 32 << 20
        /// Sent and not confirmed.
        var window = 256
    }

    private let bounds: Bounds
    private var waiting: Deque<OutboxEvent> = []
    private var inFlight: Set<EventID> = []
    /// Everything that is not done with, so that no event is taken twice.
    private var known: [EventID: Event] = [:]
    private var bytes = 0
    private var confirmed: [EventID] = []
    private var isRemoving = false

    init(_ bounds: Bounds = Bounds()) { self.bounds = bounds }

    /// How many more events fit.
    var room: Int { bytes >= bounds.bytes ? 0 : max(0, bounds.events - known.count) }
    var isIdle: Bool { known.isEmpty && confirmed.isEmpty && !isRemoving }
    /// Committed, and as far as we know not published yet.
    var unpublished: Int { known.count }

    /// Whether rows may be removed.
    var hasConfirmed: Bool { !confirmed.isEmpty }

    /// Takes in what fits and is new.
    ///
    /// - Parameter types: the types of the events that are forwarded too.
    /// - Returns: the accepted events of these types; ``forwarded(_:)`` or ``notForwarded(_:)`` must follow.
    @discardableResult
    mutating func add(_ events: [OutboxEvent], forwarded types: Set<EventType> = []) -> [OutboxEvent] {
        var toForward: [OutboxEvent] = []
        for event in events where room > 0 && known[event.id] == nil {
            let isForwarded = types.contains(event.type)
            known[event.id] = Event(bytes: event.data.count, forwarding: isForwarded ? .due : .done)
            waiting.append(event)
            bytes += event.data.count
            if isForwarded { toForward.append(event) }
        }
        return toForward
    }

    /// False once it was given up.
    func isKnown(_ id: EventID) -> Bool { known[id] != nil }

    /// The next one to send now; ``failed(_:)`` or ``confirmed(_:)`` must follow.
    mutating func next() -> OutboxEvent? {
        guard inFlight.count < bounds.window, let event = waiting.popFirst() else { return nil }
        inFlight.insert(event.id)
        return event
    }

    /// The broker has it: the row may go, once it is forwarded.
    mutating func confirmed(_ id: EventID) {
        guard inFlight.remove(id) != nil else { return }
        known[id]?.isPublished = true
        finish(id)
    }

    /// Not published, or nobody knows: the row stays, for the sweeper.
    mutating func failed(_ id: EventID) {
        if inFlight.remove(id) != nil { forget(id) }
    }

    /// The second destination has it: the row may go, once it is published.
    mutating func forwarded(_ id: EventID) {
        known[id]?.forwarding = .done
        finish(id)
    }

    /// Not forwarded, or unknown: it is published all the same, and the row stays for the sweeper.
    mutating func notForwarded(_ id: EventID) {
        if known[id]?.forwarding == .due { known[id]?.forwarding = .failed }
        finish(id)
    }

    /// Nothing can be sent now: everything that waits is left to the sweeper.
    mutating func giveUpWaiting() {
        for event in waiting { forget(event.id) }
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

    private mutating func finish(_ id: EventID) {
        guard let event = known[id], event.isPublished, event.forwarding != .due else { return }
        if event.forwarding == .done { confirmed.append(id) }
        forget(id)
    }

    private mutating func forget(_ id: EventID) {
        guard let event = known.removeValue(forKey: id) else { return }
        bytes -= event.bytes
    }

    private struct Event {
        enum Forwarding { case due, done, failed }

        let bytes: Int
        var isPublished = false
        var forwarding: Forwarding
    }
}
