/// Thrown by ``eventually(within:_:)`` after its time limit, and by tests for unexpected results.
package struct NotYet: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// Polls `body` until it returns a value: for events in other processes that send no signal. Never a
/// substitute for a delay.
///
/// - Parameter limit: long, because the machine may be slow.
/// - Throws: ``NotYet`` after `limit`, or the error of `body`.
package func eventually<Answer>(
    within limit: Duration = .seconds(60), _ what: String = "it", isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Answer?
) async throws -> Answer {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    while true {
        if let answer = try await body() { return answer }
        if clock.now > deadline { throw NotYet(description: "\(what) did not happen within \(limit)") }
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// Waits until the task is cancelled: a call that is never answered.
package func untilCancelled() async throws -> Never {
    while true { try await Task.sleep(for: .seconds(3_600)) }
}
