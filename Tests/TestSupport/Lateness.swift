/// By how much a task that only sleeps is woken too late, all in all: what else happened on this machine in the same time was late by as much, whoever did it.
package enum Lateness {
    private static let nap = Duration.milliseconds(10)
    /// What a timer on a machine that has nothing to do may be late by.
    private static let grain = Duration.milliseconds(2)

    /// What `body` gives, and the lateness meanwhile.
    package static func during<Result>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
    ) async rethrows -> (Result, Duration) {
        let sleeper = Task { await overslept() }
        defer { sleeper.cancel() }
        let result = try await body()
        sleeper.cancel()
        return (result, await sleeper.value)
    }

    /// Until it is cancelled.
    private static func overslept() async -> Duration {
        var late = Duration.zero
        while !Task.isCancelled {
            let start = ContinuousClock.now
            try? await Task.sleep(for: nap)
            let oversleep = .now - start - nap
            if oversleep > grain { late += oversleep }
        }
        return late
    }
}
