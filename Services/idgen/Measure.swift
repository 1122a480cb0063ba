import Contracts

/// How many ids a second a generator issues when nobody else asks it.
struct Measure {
    let generator: IDGenerator

    func idsPerSecond(over duration: Duration) async throws -> Int {
        // The first one waits for the lease.
        _ = try await generator.next(1)
        let start = ContinuousClock.now
        var count = 0
        while ContinuousClock.now - start < duration {
            for run in try await generator.next(NextIDs.mostAtOnce) { count += run.count }
        }
        return Int(Double(count) * (.seconds(1) / (ContinuousClock.now - start)))
    }
}
