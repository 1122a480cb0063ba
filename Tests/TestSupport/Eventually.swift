/// Thrown by ``eventually(within:_:)`` when time is up, and by tests for what cannot be waited for.
package struct NotYet: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// Asks again and again until the answer is not `nil`: for what happens in another process and tells nobody. Never to give something time.
///
/// - Throws: ``NotYet`` when there is no answer within `limit`, which is long, as the machine may be slow; whatever `body` throws.
package func eventually<Answer>(
    within limit: Duration = .seconds(60), _ what: String = "it", isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Answer?
) async throws -> Answer {
    let clock = ContinuousClock()
    let end = clock.now + limit
    while true {
        if let answer = try await body() { return answer }
        if clock.now > end { throw NotYet(description: "\(what) did not happen within \(limit)") }
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// Waits for ever, until its task is cancelled: what never answers.
package func untilCancelled() async throws -> Never {
    while true { try await Task.sleep(for: .seconds(3_600)) }
}
