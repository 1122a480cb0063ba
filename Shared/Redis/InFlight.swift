import DequeModule

/// Who waits for which answer: Redis answers in the order of the commands, whatever became of those who asked.
struct InFlight<Waiter> {
    /// Names one command of one connection.
    struct Ticket: Hashable, Sendable { fileprivate let number: UInt64 }

    private struct Slot {
        /// `nil`: nobody waits any more, but the answer is still to come.
        var waiter: Waiter?
        let sentAt: Nanoseconds
        let deadline: Nanoseconds
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
    /// What ``append(_:sentAt:deadline:)`` will return next.
    var nextTicket: Ticket { Ticket(number: first + UInt64(slots.count)) }

    mutating func append(_ waiter: Waiter, sentAt: Nanoseconds, deadline: Nanoseconds) {
        slots.append(Slot(waiter: waiter, sentAt: sentAt, deadline: deadline))
        earliestDeadline = min(earliestDeadline, deadline)
    }

    /// An answer has come. `.none`: none was due. `.some(nil)`: it was, but nobody waits for it.
    mutating func answered() -> Waiter?? {
        guard let slot = slots.popFirst() else { return .none }
        first += 1
        return .some(slot.waiter)
    }

    /// Takes the waiter away; its answer is still counted. `nil` when it is gone already.
    mutating func abandon(_ ticket: Ticket) -> Waiter? {
        guard ticket.number >= first, ticket.number - first < UInt64(slots.count) else { return nil }
        return slots[Int(ticket.number - first)].waiter.take()
    }

    /// Takes away everyone whose deadline has come.
    mutating func expire(at now: Nanoseconds) -> [Waiter] {
        guard now >= earliestDeadline else { return [] }
        var late: [Waiter] = []
        earliestDeadline = .max
        for index in slots.indices where slots[index].waiter != nil {
            if slots[index].deadline <= now {
                if let waiter = slots[index].waiter.take() { late.append(waiter) }
            } else {
                earliestDeadline = min(earliestDeadline, slots[index].deadline)
            }
        }
        return late
    }

    /// The connection is gone: no answer will come.
    mutating func removeAll() -> [Waiter] {
        defer {
            first += UInt64(slots.count)
            slots.removeAll()
            earliestDeadline = .max
        }
        return slots.compactMap(\.waiter)
    }
}
