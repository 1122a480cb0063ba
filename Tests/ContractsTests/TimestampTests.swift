import Foundation
import TestSupport
import Testing

@testable import Contracts

@Suite("Timestamp") struct TimestampTests {
    @Test(
        "reads all forms of RFC 3339",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-01-31T08:15:30.250Z", 1_769_847_330_250),
            ("2026-01-31T08:15:30.25Z", 1_769_847_330_250),
            ("2026-01-31T09:15:30.2509999+01:00", 1_769_847_330_250), ("2000-02-29t23:59:60z", 951_868_800_000),
            ("1969-12-31T23:59:59.999Z", -1), ("0000-01-01T00:00:00-23:59", -62_167_132_860_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000), ("0000-01-01T01:00:00+01:00", -62_167_219_200_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999), ("9999-12-31T22:59:59.999-01:00", 253_402_300_799_999),
        ])
    func reads(text: String, milliseconds: Int64) {
        #expect(Timestamp(text)?.millisecondsSinceEpoch == milliseconds)
    }

    @Test(
        "refuses other texts",
        arguments: [
            "", "2026-01-31", "2026-1-31T08:15:30Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-31T24:00:00Z",
            "2026-01-31T08:15:30",
            "2026-01-31T08:15:30.Z", "2026-01-31T08:15:30Zx", "2026-01-31T08:15:30+24:00", "２０２６-01-31T08:15:30Z",
            "0000-01-01T00:00:00+00:01", "0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z",
        ])
    func refuses(text: String) { #expect(Timestamp(text) == nil) }

    @Test(
        "a time outside the years 0000–9999 is written as the nearest one inside",
        arguments: [
            (-62_167_219_200_001, "0000-01-01T00:00:00.000Z"), (.min, "0000-01-01T00:00:00.000Z"),
            (253_402_300_800_000, "9999-12-31T23:59:59.999Z"), (.max, "9999-12-31T23:59:59.999Z"),
        ] as [(Int64, String)])
    func clamps(milliseconds: Int64, text: String) throws {
        let time = Timestamp(millisecondsSinceEpoch: milliseconds)
        #expect(time.description == text)
        #expect(try JSONDecoder().decode([String].self, from: JSONEncoder().encode([time])) == [text])
    }

    @Test(
        "any other JSON value is refused",
        arguments: [
            "0", "9223372036854775807", "-9223372036854775808", "1e300", "true", "null", "{}", "[]",
            #""0000-01-01T00:00:00+01:00""#, #""9999-12-31T23:59:59-01:00""#,
        ])
    func decodes(json: String) {
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([Timestamp].self, from: Data("[\(json)]".utf8)) }
    }

    @Test("writes what it reads, like Foundation", arguments: UInt64(1)...50)
    func roundTrip(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let milliseconds = Int64.random(in: -62_167_219_200_000...253_402_300_799_999, using: &random)
            let text = Timestamp(millisecondsSinceEpoch: milliseconds).description
            #expect(Timestamp(text)?.millisecondsSinceEpoch == milliseconds)
        }
        let modern = Int64.random(in: -11_000_000_000_000...253_402_300_799_999, using: &random)
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        let date = try Date(Timestamp(millisecondsSinceEpoch: modern).description, strategy: style)
        #expect(Int64((date.timeIntervalSince1970 * 1_000).rounded()) == modern)
    }
}
