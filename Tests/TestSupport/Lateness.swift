/// Measures how late a sleeping task wakes in total: other work on the machine is delayed by as much
/// meanwhile.
package enum Lateness {
    private static let sleepTime = Duration.milliseconds(10)
    /// The normal lateness of a timer on an idle machine.
    private static let tolerance = Duration.milliseconds(2)

    /// Runs `body` and returns its result and the lateness meanwhile.
    package static func during<Result>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
    ) async rethrows -> (Result, Duration) {
        let sleeper = Task { await measureLateness() }
        defer { sleeper.cancel() }
        let result = try await body()
        sleeper.cancel()
        return (result, await sleeper.value)
    }

    /// Measures until the task is cancelled.
    private static func measureLateness() async -> Duration {
        var late = Duration.zero
        while !Task.isCancelled {
            let start = ContinuousClock.now
            try? await Task.sleep(for: sleepTime)
            let excess = .now - start - sleepTime
            if excess > tolerance { late += excess }
        }
        return late
    }
}
