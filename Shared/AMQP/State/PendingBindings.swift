import DequeModule

/// The binds and unbinds of a channel that the broker has not confirmed, and their waiters. Answers come in
/// order.
struct PendingBindings {
    typealias Waiter = CheckedContinuation<AMQPError?, Never>

    private var requested: UInt64 = 0
    private var answered: UInt64 = 0
    private var waiters: Deque<(last: UInt64, waiter: Waiter)> = []

    /// Records a sent request.
    mutating func recordRequest() { requested += 1 }

    /// Resumes `waiter` when all requests so far are answered.
    mutating func wait(_ waiter: Waiter) {
        if answered == requested { return waiter.resume(returning: nil) }
        waiters.append((requested, waiter))
    }

    mutating func recordAnswer() {
        answered += 1
        while let first = waiters.first, first.last <= answered {
            waiters.removeFirst()
            first.waiter.resume(returning: nil)
        }
    }

    /// Fails all waiters, because no more answers will come.
    mutating func fail(_ error: AMQPError) {
        let failed = waiters
        self = PendingBindings()
        for (_, waiter) in failed { waiter.resume(returning: error) }
    }
}
