import Tracing

/// Times as logs and probes write them: RFC 3339, UTC, milliseconds.
enum RFC3339 {
    /// - Parameter milliseconds: since 1970-01-01T00:00:00Z; years 0 to 9999.
    static func string(milliseconds: Int64) -> String {
        let day = Int64((Double(milliseconds) / 86_400_000).rounded(.down))
        let (year, month, date) = civil(day)
        let inDay = milliseconds - day * 86_400_000
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24)
        append(year, 4, "-", to: &bytes)
        append(month, 2, "-", to: &bytes)
        append(date, 2, "T", to: &bytes)
        append(inDay / 3_600_000, 2, ":", to: &bytes)
        append(inDay / 60_000 % 60, 2, ":", to: &bytes)
        append(inDay / 1_000 % 60, 2, ".", to: &bytes)
        append(inDay % 1_000, 3, "Z", to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Now, by the system's clock.
    static func milliseconds() -> Int64 { Int64(DefaultTracerClock.now.millisecondsSinceEpoch) }

    private static func append(_ number: Int64, _ digits: Int, _ separator: Character, to bytes: inout [UInt8]) {
        var divisor: Int64 = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
        bytes.append(contentsOf: separator.utf8)
    }

    /// The date of a day counted from 1970-01-01: eras of 400 years that begin on the 1st of March.
    private static func civil(_ day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }
}
