import DequeModule

/// Which binds and unbinds a channel has asked for, and who waits for them. Answers come in the order of the questions.
struct Rebindings {
    typealias Waiter = CheckedContinuation<AMQPError?, Never>

    private var asked: UInt64 = 0
    private var answered: UInt64 = 0
    private var waiters: Deque<(last: UInt64, waiter: Waiter)> = []

    /// One more question was sent.
    mutating func ask() { asked += 1 }

    /// Resumes `waiter` when everything asked so far is answered; at once if it is.
    mutating func wait(_ waiter: Waiter) {
        if answered == asked { return waiter.resume(returning: nil) }
        waiters.append((asked, waiter))
    }

    mutating func answer() {
        answered += 1
        while let first = waiters.first, first.last <= answered {
            waiters.removeFirst()
            first.waiter.resume(returning: nil)
        }
    }

    /// No answer will come any more.
    mutating func fail(_ error: AMQPError) {
        let failed = waiters
        self = Rebindings()
        for (_, waiter) in failed { waiter.resume(returning: error) }
    }
}
