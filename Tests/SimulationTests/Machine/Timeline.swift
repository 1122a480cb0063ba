/// Scheduled actions, earliest first; those of one moment in a random order.
struct Timeline {
    struct Action {
        let time: Int64
        /// A random number that orders the actions of one moment.
        let tieBreaker: UInt64
        let body: () -> Void

        func isBefore(_ other: Action) -> Bool { (time, tieBreaker) < (other.time, other.tieBreaker) }
    }

    /// A binary heap.
    private var actions: [Action] = []

    mutating func add(_ action: Action) {
        var index = actions.count
        actions.append(action)
        while index > 0, action.isBefore(actions[(index - 1) / 2]) {
            actions.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func next(notAfter end: Int64) -> Action? {
        guard let first = actions.first, first.time <= end else { return nil }
        actions.swapAt(0, actions.count - 1)
        actions.removeLast()
        sink()
        return first
    }

    mutating func removeAll() { actions = [] }

    private mutating func sink() {
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < actions.count && actions[child].isBefore(actions[least]) {
                least = child
            }
            if least == index { return }
            actions.swapAt(index, least)
            index = least
        }
    }
}
