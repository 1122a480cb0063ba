import Foundation

/// The time after which the caller does not wait any more. Calls pass it on from service to service.
package struct Deadline: Hashable, Comparable, Sendable {
    /// The deadline of the request that this task handles. All calls made for it inherit the deadline.
    @TaskLocal package static var current: Deadline?

    /// Wall-clock time, the only clock that services on different machines share.
    package let millisecondsSinceEpoch: Int64

    package init(millisecondsSinceEpoch: Int64) { self.millisecondsSinceEpoch = millisecondsSinceEpoch }

    /// - Parameter duration: at most a thousand years; longer ones count as that.
    package static func after(_ duration: Duration) -> Deadline {
        Deadline(millisecondsSinceEpoch: now + min(duration.wholeMilliseconds, 31_557_600_000_000))
    }

    func orEarlier(_ other: Deadline?) -> Deadline { other.map { min(self, $0) } ?? self }

    /// Zero or negative once the deadline has passed.
    package var millisecondsLeft: Int64 {
        millisecondsSinceEpoch.subtractingReportingOverflow(Self.now).partialValue
    }

    package var hasPassed: Bool { millisecondsSinceEpoch <= Self.now }

    package static func < (one: Deadline, other: Deadline) -> Bool {
        one.millisecondsSinceEpoch < other.millisecondsSinceEpoch
    }

    /// Milliseconds since the Unix epoch.
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}

extension Duration {
    /// Milliseconds, rounded up and clamped to 64 bits.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        if overflow { return seconds < 0 ? .min / 2 : .max / 2 }
        return milliseconds + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
