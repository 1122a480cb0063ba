/// A time in UTC with milliseconds. On the wire: RFC 3339 with three decimals and
/// `Z`, `2026-01-31T08:15:30.250Z`.
public struct Timestamp: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    /// Milliseconds since 1970-01-01T00:00:00Z; may be negative.
    public let millisecondsSinceEpoch: Int64

    /// The years 0000 to 9999, which RFC 3339 can write. Decoded times lie within.
    static let writable: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999

    public init(millisecondsSinceEpoch: Int64) { self.millisecondsSinceEpoch = millisecondsSinceEpoch }

    public static func < (one: Timestamp, other: Timestamp) -> Bool { one.millisecondsSinceEpoch < other.millisecondsSinceEpoch }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Timestamp(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "must be a time as in RFC 3339: 2026-01-31T08:15:30.250Z")
        }
        self = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// The time as in RFC 3339. A time outside the years 0000–9999 is written as their first or last
    /// millisecond.
    public var description: String {
        let written = min(max(millisecondsSinceEpoch, Self.writable.lowerBound), Self.writable.upperBound)
        let (days, inDay) = written.flooredQuotientAndRemainder(dividingBy: 86_400_000)
        let (year, month, day) = Self.civil(daysSinceEpoch: days)
        let (seconds, milliseconds) = inDay.quotientAndRemainder(dividingBy: 1_000)
        return String(unsafeUninitializedCapacity: 24) { buffer in
            var position = 0
            func put(_ value: Int64, digits: Int, then mark: Unicode.Scalar) {
                var rest = value
                for place in stride(from: position + digits - 1, through: position, by: -1) {
                    buffer[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                }
                buffer[position + digits] = UInt8(ascii: mark)
                position += digits + 1
            }
            put(year, digits: 4, then: "-")
            put(month, digits: 2, then: "-")
            put(day, digits: 2, then: "T")
            put(seconds / 3_600, digits: 2, then: ":")
            put(seconds / 60 % 60, digits: 2, then: ":")
            put(seconds % 60, digits: 2, then: ".")
            put(milliseconds, digits: 3, then: "Z")
            return position
        }
    }

    /// Reads an RFC 3339 `date-time` with `Z` or an offset and any number of decimals; those beyond
    /// milliseconds are cut off.
    ///
    /// A leap second counts as the next second. Returns `nil` for a time that lies outside the years
    /// 0000–9999 in UTC.
    public init?(_ text: String) {
        var text = text
        guard let time = text.withUTF8({ Timestamp(utf8: $0) }) else { return nil }
        self = time
    }

    private init?(utf8: UnsafeBufferPointer<UInt8>) {
        var scanner = Scanner(utf8)
        guard let year = scanner.number(digits: 4), scanner.consume("-"), let month = scanner.number(digits: 2),
            scanner.consume("-"),
            let day = scanner.number(digits: 2), scanner.consume("T") || scanner.consume("t") || scanner.consume(" "),
            let hour = scanner.number(digits: 2), scanner.consume(":"), let minute = scanner.number(digits: 2),
            scanner.consume(":"),
            let second = scanner.number(digits: 2), let fraction = scanner.fraction(), let offset = scanner.offset(),
            scanner.isAtEnd,
            (1...12).contains(month), (1...Self.days(inMonth: month, of: year)).contains(day), hour < 24, minute < 60,
            second <= 60
        else { return nil }
        let days = Self.daysSinceEpoch(year: year, month: month, day: day)
        let minutes = (days * 24 + hour) * 60 + minute - offset
        let milliseconds = (minutes * 60 + second) * 1_000 + fraction
        guard Self.writable.contains(milliseconds) else { return nil }
        self.init(millisecondsSinceEpoch: milliseconds)
    }
}

extension Timestamp {
    /// Implements days_from_civil of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    private static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted.flooredQuotientAndRemainder(dividingBy: 400).quotient
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// Implements civil_from_days of the same paper.
    private static func civil(daysSinceEpoch days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (days + 719_468).flooredQuotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func days(inMonth month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private struct Scanner {
        private let bytes: UnsafeBufferPointer<UInt8>
        private var position = 0
        init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }
        var isAtEnd: Bool { position == bytes.count }

        mutating func consume(_ mark: Unicode.Scalar) -> Bool {
            guard position < bytes.count, bytes[position] == UInt8(ascii: mark) else { return false }
            position += 1
            return true
        }

        mutating func number(digits: Int) -> Int64? {
            var value: Int64 = 0
            for _ in 0..<digits {
                guard let digit = digit() else { return nil }
                value = value * 10 + digit
            }
            return value
        }

        /// Reads milliseconds; zero without decimals.
        mutating func fraction() -> Int64? {
            guard consume(".") else { return 0 }
            guard let first = digit() else { return nil }
            var (value, places) = (first, 1)
            while let digit = digit() {
                if places < 3 { value = value * 10 + digit }
                places += 1
            }
            for _ in places..<max(places, 3) { value *= 10 }
            return value
        }

        /// Reads the offset in minutes east of UTC.
        mutating func offset() -> Int64? {
            if consume("Z") || consume("z") { return 0 }
            let sign: Int64 = consume("-") ? -1 : 1
            guard sign < 0 || consume("+"), let hours = number(digits: 2), consume(":"), let minutes = number(digits: 2),
                hours < 24,
                minutes < 60
            else { return nil }
            return sign * (hours * 60 + minutes)
        }

        private mutating func digit() -> Int64? {
            guard position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) else { return nil }
            defer { position += 1 }
            return Int64(bytes[position] - UInt8(ascii: "0"))
        }
    }
}

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

extension Int64 {
    fileprivate func flooredQuotientAndRemainder(dividingBy divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
