import Contracts

extension Timestamp {
    /// - Parameter duration: cut to milliseconds.
    static func + (moment: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(millisecondsSinceEpoch: moment.millisecondsSinceEpoch + duration.milliseconds)
    }

    static func - (moment: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(millisecondsSinceEpoch: moment.millisecondsSinceEpoch - duration.milliseconds)
    }

    /// Whole seconds since 1970, as a JWT counts.
    var seconds: Int { Int(millisecondsSinceEpoch.quotientAndRemainder(dividingBy: 1_000).quotient) }
}

extension Duration {
    var milliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
}
