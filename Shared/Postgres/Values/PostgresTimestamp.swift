/// A `timestamptz`: a point in time with microsecond resolution.
package struct PostgresTimestamp: PostgresValue, Hashable, Comparable {
    /// Microseconds since 1970-01-01T00:00:00Z, may be negative. `Int64.max` is `infinity`, `Int64.min` is
    /// `-infinity`.
    package let microsecondsSinceEpoch: Int64

    package init(microsecondsSinceEpoch: Int64) { self.microsecondsSinceEpoch = microsecondsSinceEpoch }

    /// Converts milliseconds. Values beyond the range of microseconds (290,000 years) become infinite.
    package init(millisecondsSinceEpoch: Int64) {
        let (microseconds, overflow) = millisecondsSinceEpoch.multipliedReportingOverflow(by: 1_000)
        microsecondsSinceEpoch = overflow ? (millisecondsSinceEpoch < 0 ? .min : .max) : microseconds
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, rounded down.
    package var millisecondsSinceEpoch: Int64 {
        let (quotient, remainder) = microsecondsSinceEpoch.quotientAndRemainder(dividingBy: 1_000)
        return remainder < 0 ? quotient - 1 : quotient
    }

    package static let infinity = PostgresTimestamp(microsecondsSinceEpoch: .max)
    package static let negativeInfinity = PostgresTimestamp(microsecondsSinceEpoch: .min)

    package static func < (one: Self, other: Self) -> Bool { one.microsecondsSinceEpoch < other.microsecondsSinceEpoch }

    /// Microseconds from 1970 to 2000-01-01T00:00:00Z, the server's epoch.
    private static let serverEpoch: Int64 = 946_684_800_000_000

    package static var postgresType: PostgresType { .timestamptz }

    package func encode(to writer: inout PostgresWriter) {
        switch microsecondsSinceEpoch {
        case .max, .min: writer.write(microsecondsSinceEpoch)
        case let finite:
            let (fromServerEpoch, overflow) = finite.subtractingReportingOverflow(Self.serverEpoch)
            writer.write(overflow ? Int64.min : fromServerEpoch)
        }
    }

    package static func reads(_ type: UInt32) -> Bool { type == PostgresType.timestamptz.id }

    package static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> PostgresTimestamp {
        let value = try bytes.bigEndian(as: Int64.self)
        if value == .max || value == .min { return PostgresTimestamp(microsecondsSinceEpoch: value) }
        let (sinceEpoch, overflow) = value.addingReportingOverflow(serverEpoch)
        return PostgresTimestamp(microsecondsSinceEpoch: overflow ? .max : sinceEpoch)
    }
}
