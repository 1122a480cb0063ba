import DequeModule

/// The rules of ``Admission``: at most `limit` run, up to `queueLimit` more wait in order of arrival.
struct AdmissionState: Sendable {
    typealias Ticket = UInt64

    enum Decision: Equatable, Sendable { case admitted, queued, refused }

    let limit: Int
    let queueLimit: Int
    private(set) var running = 0
    private(set) var queue: Deque<Ticket> = []

    init(limit: Int, queueLimit: Int) {
        self.limit = max(1, limit)
        self.queueLimit = max(0, queueLimit)
    }

    /// Takes a slot if one is free; returns whether it did.
    mutating func tryAdmit() -> Bool {
        guard running < limit else { return false }
        running += 1
        return true
    }

    mutating func request(_ ticket: Ticket) -> Decision {
        if tryAdmit() { return .admitted }
        if queue.count == queueLimit { return .refused }
        queue.append(ticket)
        return .queued
    }

    /// Releases a slot. Returns the waiting ticket that takes it over, if there is one.
    mutating func release() -> Ticket? {
        if let next = queue.popFirst() { return next }
        running -= 1
        return nil
    }

    /// Removes a ticket from the queue; returns whether it was there.
    mutating func withdraw(_ ticket: Ticket) -> Bool {
        guard let index = queue.firstIndex(of: ticket) else { return false }
        queue.remove(at: index)
        return true
    }
}
