import Foundation
import Reactor

/// A closed-loop load: each caller starts its next operation when the previous one has ended.
///
/// Operations run on the I/O thread, as the handlers of a service do.
struct ClosedLoopLoad: Sendable {
    let callers: Int
    /// The length of the measurement, without the warm-up.
    let seconds: Double
    let io: IOThread

    private static let warmUp = Duration.milliseconds(300)

    /// - Parameter operation: receives a number that is unique in this run.
    func run(_ operation: @escaping @Sendable (Int) async throws -> Void) async throws -> LoadResult {
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
        return LoadResult(latencies: latencies.sorted(), seconds: seconds)
    }

    /// Returns the durations of the operations that began between `from` and `end`.
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

struct LoadResult: Sendable {
    /// In ascending order.
    let latencies: [Duration]
    let seconds: Double

    /// Returns the rate per second, and the median and 99th percentile in milliseconds.
    ///
    /// - Parameter each: the number of counted items per operation.
    func json(each: Double = 1) -> String {
        let rate = Double(latencies.count) * each / seconds
        return String(format: #"{"rate": %.1f, "p50": %.4f, "p99": %.4f}"#, rate, percentile(0.5), percentile(0.99))
    }

    /// Returns a percentile in milliseconds.
    private func percentile(_ share: Double) -> Double {
        guard !latencies.isEmpty else { return 0 }
        return latencies[min(latencies.count - 1, Int(Double(latencies.count) * share))] / .milliseconds(1)
    }
}

/// A pseudo-random generator (SplitMix64). The system's generator would cost more than some
/// measured operations.
struct SplitMix {
    private var state: UInt64

    init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 }

    /// Returns a number in `1...maximum`, nearly uniformly distributed.
    mutating func next(upTo maximum: UInt64) -> Int64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int64((mixed ^ (mixed >> 31)) % maximum) + 1
    }
}
