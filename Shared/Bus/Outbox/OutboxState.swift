import Contracts
import DequeModule

/// The rows that this process is publishing, and the confirmed rows that are still in the table, as a state
/// machine without I/O.
///
/// Some events are forwarded to a second destination too, in no order with their publication. Such a row is
/// removed when both are confirmed.
///
/// It is bounded. Rows that do not fit stay in the table, where the sweeper finds them.
struct OutboxState {
    struct Bounds {
        /// The number of events that are waiting or sent and unconfirmed.
        var events = 1_024
        var bytes = 32 << 20
        /// The number of events that are sent and unconfirmed.
        var window = 256
    }

    private let bounds: Bounds
    private var waiting: Deque<OutboxEvent> = []
    private var inFlight: Set<EventID> = []
    /// All unfinished events, so that no event is accepted twice.
    private var known: [EventID: Event] = [:]
    private var bytes = 0
    private var confirmed: [EventID] = []
    private var isRemoving = false

    init(_ bounds: Bounds = Bounds()) { self.bounds = bounds }

    /// The number of events that still fit.
    var room: Int { bytes >= bounds.bytes ? 0 : max(0, bounds.events - known.count) }
    var isIdle: Bool { known.isEmpty && confirmed.isEmpty && !isRemoving }
    /// The number of committed events that are not known to be published.
    var unpublished: Int { known.count }

    /// Whether there are rows to remove.
    var hasConfirmed: Bool { !confirmed.isEmpty }

    /// Accepts the new events that fit.
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

    /// Whether the event is still unfinished; `false` once it was given up.
    func isKnown(_ id: EventID) -> Bool { known[id] != nil }

    /// Returns the next event to send now. ``failed(_:)`` or ``confirmed(_:)`` must follow.
    mutating func next() -> OutboxEvent? {
        guard inFlight.count < bounds.window, let event = waiting.popFirst() else { return nil }
        inFlight.insert(event.id)
        return event
    }

    /// The broker has confirmed the event. Its row can be removed once it is forwarded too.
    mutating func confirmed(_ id: EventID) {
        guard inFlight.remove(id) != nil else { return }
        known[id]?.isPublished = true
        finish(id)
    }

    /// The event is not published, or that is unknown. The row stays for the sweeper.
    mutating func failed(_ id: EventID) {
        if inFlight.remove(id) != nil { remove(id) }
    }

    /// The second destination has confirmed the event. Its row can be removed once it is published too.
    mutating func forwarded(_ id: EventID) {
        known[id]?.forwarding = .done
        finish(id)
    }

    /// The event is not forwarded, or that is unknown. It is still published, and the row stays for the
    /// sweeper.
    mutating func notForwarded(_ id: EventID) {
        if known[id]?.forwarding == .due { known[id]?.forwarding = .failed }
        finish(id)
    }

    /// Nothing can be sent now. Leaves the waiting events to the sweeper.
    mutating func giveUpWaiting() {
        for event in waiting { remove(event.id) }
        waiting = []
    }

    /// Starts a removal of at most a thousand rows, unless one is in progress. ``removed()`` or
    /// ``notRemoved(_:)`` must follow.
    mutating func startRemoval() -> [EventID]? {
        if isRemoving || confirmed.isEmpty { return nil }
        isRemoving = true
        let ids = Array(confirmed.prefix(1_000))
        confirmed.removeFirst(ids.count)
        return ids
    }

    mutating func removed() { isRemoving = false }

    /// The database is away. The rows are removed later, as many as memory has room for. The sweeper
    /// publishes the others again.
    mutating func notRemoved(_ ids: [EventID]) {
        isRemoving = false
        if confirmed.count + ids.count <= 100_000 { confirmed += ids }
    }

    private mutating func finish(_ id: EventID) {
        guard let event = known[id], event.isPublished, event.forwarding != .due else { return }
        if event.forwarding == .done { confirmed.append(id) }
        remove(id)
    }

    private mutating func remove(_ id: EventID) {
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
