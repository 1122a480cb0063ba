import DequeModule

/// Commands that were sent and have no reply yet, in order: Redis replies in the order of the commands.
///
/// A command stays here until its reply arrives, also when its waiter has timed out or was cancelled.
struct InFlightCommands<Waiter> {
    /// Identifies one command of one client.
    struct Ticket: Hashable, Sendable { fileprivate let number: UInt64 }

    private enum WaitState {
        /// The command was sent, and its waiter is not attached yet.
        case reserved
        case waiting(Waiter)
        /// The waiter has timed out or was cancelled; the reply will be discarded.
        case abandoned
    }

    private struct Slot {
        var state: WaitState
        let sentAt: Nanoseconds
        let deadline: Nanoseconds
    }

    /// The recipient of a result.
    enum Recipient {
        case waiter(Waiter)
        /// The waiter is not attached yet: keep the result until it is.
        case reserved(Ticket)
        /// The waiter is gone: discard the result.
        case discarded
    }

    private var slots: Deque<Slot> = []
    /// The number of the first slot. It only grows, so that an old ticket matches no slot.
    private var first: UInt64 = 0
    /// A lower bound of all deadlines.
    private(set) var earliestDeadline: Nanoseconds = .max

    /// The number of replies that are due, including those of abandoned commands.
    var count: Int { slots.count }
    /// When the command was sent whose reply is due next.
    var oldestSentAt: Nanoseconds? { slots.first?.sentAt }

    /// Adds a command that is sent now.
    mutating func reserve(sentAt: Nanoseconds, deadline: Nanoseconds) -> Ticket {
        slots.append(Slot(state: .reserved, sentAt: sentAt, deadline: deadline))
        earliestDeadline = min(earliestDeadline, deadline)
        return Ticket(number: first + UInt64(slots.count) - 1)
    }

    /// Attaches the waiter of a command. Returns `false` when the command already has a result.
    mutating func attach(_ waiter: Waiter, to ticket: Ticket) -> Bool {
        guard let index = index(of: ticket), case .reserved = slots[index].state else { return false }
        slots[index].state = .waiting(waiter)
        return true
    }

    /// Removes the oldest command, whose reply has arrived. Returns `nil` when no reply was due.
    mutating func completeNext() -> Recipient? {
        guard let slot = slots.popFirst() else { return nil }
        first += 1
        return recipient(for: slot.state, number: first - 1)
    }

    /// Detaches the waiter of a command. The reply remains due.
    mutating func abandon(_ ticket: Ticket) -> Recipient {
        guard let index = index(of: ticket) else { return .discarded }
        return abandon(at: index)
    }

    /// Detaches all waiters whose deadline has passed.
    mutating func expire(at now: Nanoseconds) -> [Recipient] {
        guard now >= earliestDeadline else { return [] }
        var expired: [Recipient] = []
        earliestDeadline = .max
        for index in slots.indices {
            if case .abandoned = slots[index].state { continue }
            if slots[index].deadline <= now {
                expired.append(abandon(at: index))
            } else {
                earliestDeadline = min(earliestDeadline, slots[index].deadline)
            }
        }
        return expired
    }

    /// Removes all commands, because the connection is lost and no reply will arrive.
    mutating func removeAll() -> [Recipient] {
        defer {
            first += UInt64(slots.count)
            slots.removeAll()
            earliestDeadline = .max
        }
        return slots.enumerated().map { recipient(for: $0.element.state, number: first + UInt64($0.offset)) }
    }

    private mutating func abandon(at index: Int) -> Recipient {
        defer { slots[index].state = .abandoned }
        return recipient(for: slots[index].state, number: first + UInt64(index))
    }

    private func index(of ticket: Ticket) -> Int? {
        guard ticket.number >= first, ticket.number - first < UInt64(slots.count) else { return nil }
        return Int(ticket.number - first)
    }

    private func recipient(for state: WaitState, number: UInt64) -> Recipient {
        switch state {
        case .reserved: .reserved(Ticket(number: number))
        case .waiting(let waiter): .waiter(waiter)
        case .abandoned: .discarded
        }
    }
}
