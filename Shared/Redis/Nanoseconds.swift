import Foundation

/// A time of the monotonic clock, or a duration, in nanoseconds.
typealias Nanoseconds = Int64

func monotonicNow() -> Nanoseconds {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}

extension Duration {
    /// The duration in nanoseconds, clamped to 0 to 146 years.
    var nanoseconds: Nanoseconds {
        let (seconds, attoseconds) = components
        let bounded = min(max(seconds, 0), Int64.max / 2_000_000_000)
        return bounded * 1_000_000_000 + (seconds < 0 ? 0 : attoseconds / 1_000_000_000)
    }
}
