import Foundation
import Reactor

/// Callers who each do one thing after another, on the I/O thread, as a service's handlers do.
struct Load: Sendable {
    let callers: Int
    /// After the warm-up.
    let seconds: Double
    let io: IOThread

    private static let warmUp = Duration.milliseconds(300)

    /// - Parameter operation: given a number that no other one has in this run.
    func run(_ operation: @escaping @Sendable (Int) async throws -> Void) async throws -> Measured {
        let from = ContinuousClock.now + Self.warmUp
        let end = from + .seconds(seconds)
        let latencies = try await withThrowingTaskGroup(of: [Duration].self) { group in
            for caller in 0..<callers {
                group.addTask(executorPreference: io) {
                    try await Self.repeating(operation, numberedFrom: caller, by: callers, from: from, until: end)
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        return Measured(latencies: latencies.sorted(), seconds: seconds)
    }

    /// How long each took of those that began in time.
    private static func repeating(
        _ operation: @Sendable (Int) async throws -> Void, numberedFrom first: Int, by step: Int,
        from: ContinuousClock.Instant, until end: ContinuousClock.Instant
    ) async throws -> [Duration] {
        var latencies: [Duration] = []
        var (number, begin) = (first, ContinuousClock.now)
        while begin < end {
            try await operation(number)
            let now = ContinuousClock.now
            if begin >= from { latencies.append(now - begin) }
            (number, begin) = (number + step, now)
        }
        return latencies
    }
}

/// What came of a load.
struct Measured: Sendable {
    /// Ascending.
    let latencies: [Duration]
    let seconds: Double

    /// - Parameter each: how many of what is counted one operation brings.
    func json(each: Double = 1) -> String {
        let rate = Double(latencies.count) * each / seconds
        return String(format: #"{"rate": %.1f, "p50": %.4f, "p99": %.4f}"#, rate, percentile(0.5), percentile(0.99))
    }

    /// In milliseconds.
    private func percentile(_ share: Double) -> Double {
        guard !latencies.isEmpty else { return 0 }
        return latencies[min(latencies.count - 1, Int(Double(latencies.count) * share))] / .milliseconds(1)
    }
}

/// Numbers in no order, without asking the system for chance, which would cost more than some of what is measured.
struct Scattered {
    private var state: UInt64

    /// - Parameter seed: the same one gives the same numbers.
    init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 }

    /// Each of `1...most` about equally often (SplitMix64).
    mutating func next(upTo most: UInt64) -> Int64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int64((mixed ^ (mixed >> 31)) % most) + 1
    }
}
