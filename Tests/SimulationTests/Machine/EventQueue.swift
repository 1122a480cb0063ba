/// What is to happen, earliest first; of one moment in an order that chance has decided.
struct EventQueue {
    struct Event {
        let time: Int64
        /// Decides between events of one moment; drawn from the seed.
        let tie: UInt64
        let body: () -> Void

        func isBefore(_ other: Event) -> Bool { (time, tie) < (other.time, other.tie) }
    }

    /// A binary heap.
    private var events: [Event] = []

    mutating func add(_ event: Event) {
        var place = events.count
        events.append(event)
        while place > 0, event.isBefore(events[(place - 1) / 2]) {
            events.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    mutating func next(notAfter end: Int64) -> Event? {
        guard let first = events.first, first.time <= end else { return nil }
        events.swapAt(0, events.count - 1)
        events.removeLast()
        sink()
        return first
    }

    mutating func removeAll() { events = [] }

    private mutating func sink() {
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < events.count && events[child].isBefore(events[least]) {
                least = child
            }
            if least == place { return }
            events.swapAt(place, least)
            place = least
        }
    }
}
