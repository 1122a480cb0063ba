import Foundation

/// A time on a clock that never goes back, or a span of it.
typealias Nanoseconds = Int64

func monotonicNow() -> Nanoseconds {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}

extension Duration {
    /// At most 146 years, whatever the duration.
    var nanoseconds: Nanoseconds {
        let (seconds, attoseconds) = components
        let bounded = min(max(seconds, 0), Int64.max / 2_000_000_000)
        return bounded * 1_000_000_000 + (seconds < 0 ? 0 : attoseconds / 1_000_000_000)
    }
}
