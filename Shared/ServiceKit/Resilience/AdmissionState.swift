import DequeModule

/// Decides who may work, who waits and who is refused: pure.
///
/// At most `limit` work at once; up to `queueLimit` more wait, first come, first served.
struct AdmissionState: Sendable {
    typealias Ticket = UInt64

    enum Decision: Equatable, Sendable { case admitted, queued, refused }

    let limit: Int
    let queueLimit: Int
    private(set) var running = 0
    private(set) var queue: Deque<Ticket> = []

    init(limit: Int, queueLimit: Int) { (self.limit, self.queueLimit) = (max(1, limit), max(0, queueLimit)) }

    /// Whether there is room at once; then one more is at work.
    mutating func enter() -> Bool {
        guard running < limit else { return false }
        running += 1
        return true
    }

    mutating func arrive(_ ticket: Ticket) -> Decision {
        if enter() { return .admitted }
        if queue.count == queueLimit { return .refused }
        queue.append(ticket)
        return .queued
    }

    /// One has finished; the one that takes its place, if any waits.
    mutating func leave() -> Ticket? {
        if let next = queue.popFirst() { return next }
        running -= 1
        return nil
    }

    /// One will not wait any longer. Whether it still did.
    mutating func giveUp(_ ticket: Ticket) -> Bool {
        guard let index = queue.firstIndex(of: ticket) else { return false }
        queue.remove(at: index)
        return true
    }
}
