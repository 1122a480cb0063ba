import Foundation

/// The wall clock, in the unit and epoch of ids.
enum WallClock {
    /// 2024-01-01T00:00:00Z in milliseconds since 1970.
    static let epoch: Int64 = 1_704_067_200_000

    /// Milliseconds since 2024-01-01T00:00:00Z.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000 - epoch
    }
}
