import DequeModule

/// Who waits for which answer: Redis answers in the order of the commands, whatever became of those who asked.
struct InFlight<Waiter> {
    /// Names one command of one client.
    struct Ticket: Hashable, Sendable { fileprivate let number: UInt64 }

    private enum Place {
        /// Whoever asked has yet to come and wait.
        case reserved
        case waiting(Waiter)
        /// Nobody waits any more, but the answer is still to come.
        case left
    }

    private struct Slot {
        var place: Place
        let sentAt: Nanoseconds
        let deadline: Nanoseconds
    }

    /// For whom something is decided.
    enum Party {
        case waiter(Waiter)
        /// Keep it until they come.
        case reserved(Ticket)
        case nobody
    }

    private var slots: Deque<Slot> = []
    /// The number of the first slot; never goes back, so that an old ticket names nothing.
    private var first: UInt64 = 0
    /// No deadline is before this one.
    private(set) var earliestDeadline: Nanoseconds = .max

    /// Answers that are due, also those that nobody waits for.
    var count: Int { slots.count }
    /// When the command was sent whose answer is next.
    var oldestSentAt: Nanoseconds? { slots.first?.sentAt }

    /// A command goes out.
    mutating func reserve(sentAt: Nanoseconds, deadline: Nanoseconds) -> Ticket {
        slots.append(Slot(place: .reserved, sentAt: sentAt, deadline: deadline))
        earliestDeadline = min(earliestDeadline, deadline)
        return Ticket(number: first + UInt64(slots.count) - 1)
    }

    /// Whoever asked has come; whether they must wait. If not, it has been decided already.
    mutating func wait(_ ticket: Ticket, _ waiter: Waiter) -> Bool {
        guard let index = index(of: ticket), case .reserved = slots[index].place else { return false }
        slots[index].place = .waiting(waiter)
        return true
    }

    /// An answer has come; `nil`: none was due.
    mutating func answered() -> Party? {
        guard let slot = slots.popFirst() else { return nil }
        first += 1
        return party(of: slot.place, number: first - 1)
    }

    /// They stop waiting; their answer is still counted.
    mutating func leave(_ ticket: Ticket) -> Party {
        guard let index = index(of: ticket) else { return .nobody }
        return leave(index)
    }

    /// Takes away everyone whose deadline has come.
    mutating func expire(at now: Nanoseconds) -> [Party] {
        guard now >= earliestDeadline else { return [] }
        var late: [Party] = []
        earliestDeadline = .max
        for index in slots.indices {
            if case .left = slots[index].place { continue }
            if slots[index].deadline <= now {
                late.append(leave(index))
            } else {
                earliestDeadline = min(earliestDeadline, slots[index].deadline)
            }
        }
        return late
    }

    /// The connection is gone: no answer will come.
    mutating func removeAll() -> [Party] {
        defer {
            first += UInt64(slots.count)
            slots.removeAll()
            earliestDeadline = .max
        }
        return slots.enumerated().map { party(of: $0.element.place, number: first + UInt64($0.offset)) }
    }

    private mutating func leave(_ index: Int) -> Party {
        defer { slots[index].place = .left }
        return party(of: slots[index].place, number: first + UInt64(index))
    }

    private func index(of ticket: Ticket) -> Int? {
        guard ticket.number >= first, ticket.number - first < UInt64(slots.count) else { return nil }
        return Int(ticket.number - first)
    }

    private func party(of place: Place, number: UInt64) -> Party {
        switch place {
        case .reserved: .reserved(Ticket(number: number))
        case .waiting(let waiter): .waiter(waiter)
        case .left: .nobody
        }
    }
}
