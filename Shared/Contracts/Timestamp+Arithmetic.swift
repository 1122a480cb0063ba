extension Timestamp {
    /// - Parameter duration: cut to milliseconds.
    package static func + (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(millisecondsSinceEpoch: time.millisecondsSinceEpoch + milliseconds(of: duration))
    }

    /// - Parameter duration: cut to milliseconds.
    package static func - (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(millisecondsSinceEpoch: time.millisecondsSinceEpoch - milliseconds(of: duration))
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, the unit of times in a JWT.
    package var secondsSinceEpoch: Int { Int(millisecondsSinceEpoch / 1_000) }

    private static func milliseconds(of duration: Duration) -> Int64 {
        duration.components.seconds * 1_000 + duration.components.attoseconds / 1_000_000_000_000_000
    }
}
