import Foundation
import Postgres
import PostgresTesting
import TestSupport
import Testing

private enum Colour: String, PostgresValue, CaseIterable { case red, green }
private struct ThingID: RawRepresentable, PostgresValue, Hashable { let rawValue: Int64 }
private struct Milliseconds: PostgresRepresentable, Hashable {
    let value: Int64
    var postgresValue: PostgresTimestamp { PostgresTimestamp(millisecondsSinceEpoch: value) }
    init(value: Int64) { self.value = value }
    init(postgresValue: PostgresTimestamp) { value = postgresValue.millisecondsSinceEpoch }
}

@Suite("Values", .timeLimit(.minutes(2))) struct ValueTests {
    /// Sends the value, its array and its array with NULLs, and reads all three.
    private func roundTrip<Value: PostgresValue & Equatable>(_ values: [Value], _ pool: PostgresPool) async throws {
        for value in values {
            #expect(try await pool.one("SELECT \(value)", as: Value.self) == value)
            #expect(try await pool.one("SELECT \(Value?.some(value))", as: Value?.self) == value)
        }
        let optional = values.map(Value?.some) + [nil]
        let (all, withNull, empty) = try await pool.one(
            "SELECT \(values), \(optional), \([Value]())", as: ([Value], [Value?], [Value]).self)
        #expect(all == values)
        #expect(withNull == optional)
        #expect(empty == [])
        #expect(try await pool.one("SELECT \(Value?.none)", as: Value?.self) == nil)
    }

    @Test("numbers, booleans and ids round-trip, also at their limits")
    func numbers() async throws {
        try await TestDatabase.with { pool in
            try await roundTrip([Int16.min, -1, 0, 1, .max], pool)
            try await roundTrip([Int32.min, -1, 0, 1, .max], pool)
            try await roundTrip([Int64.min, -1, 0, 1, .max], pool)
            try await roundTrip([Int.min, -1, 0, 1, .max], pool)
            try await roundTrip([true, false], pool)
            try await roundTrip([0.0, -0.0, 1.5, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude], pool)
            try await roundTrip([ThingID(rawValue: 5), ThingID(rawValue: .max)], pool)
            #expect(try await pool.one("SELECT \(Double.nan)", as: Double.self).isNaN)
        }
    }

    @Test("text, bytes and timestamps round-trip")
    func others() async throws {
        try await TestDatabase.with { pool in
            try await roundTrip(
                ["", "a", "'; DROP TABLE x; --", "\\", "\"", "{a,NULL}", "🪶 né\u{301}e\n\t\u{7F}\u{10FFFF}"], pool)
            try await roundTrip([UUID(), UUID()], pool)
            try await roundTrip([Colour.red, .green], pool)
            try await roundTrip(
                [0, 1, -1, 946_684_800_000_000, -62_135_596_800_000_000, .max, .min].map(
                    PostgresTimestamp.init(microsecondsSinceEpoch:)), pool)
            try await roundTrip([0, 1, -1, 1_900_000_000_123].map(Milliseconds.init(value:)), pool)
            let bytes: [[UInt8]] = [[], [0], Array(0...255)]
            #expect(
                try await pool.one("SELECT \(bytes), \(bytes[0]), \(bytes[2])", as: ([[UInt8]], [UInt8], [UInt8]).self) == (
                    bytes, [], bytes[2]
                ))
            #expect(try await pool.one("SELECT \([UInt8]?.none)", as: [UInt8]?.self) == nil)
        }
    }

    @Test("random values of every type round-trip", arguments: UInt64(1)...8)
    func random(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...40, using: &random)
        let integers = (0..<count).map { _ in
            Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0...63, using: &random)
        }
        let doubles = (0..<count).map { _ in Double(bitPattern: .random(in: .min ... .max, using: &random)) }.filter { !$0.isNaN }
        let texts = (0..<count).map { _ in randomText(&random) }
        let moments = integers.map { PostgresTimestamp(microsecondsSinceEpoch: $0 % 4_000_000_000_000_000) }
        let bytes = (0..<count).map { _ in
            (0..<Int.random(in: 0...50, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        try await TestDatabase.with { pool in
            try await roundTrip(integers, pool)
            try await roundTrip(doubles + [0], pool)
            try await roundTrip(texts, pool)
            try await roundTrip(moments, pool)
            #expect(try await pool.one("SELECT \(bytes)", as: [[UInt8]].self) == bytes)
        }
    }

    private func randomText(_ random: inout SeededGenerator) -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...60, using: &random) {
            let code = UInt32.random(in: 1...(Bool.random(using: &random) ? 0x7F : 0x10FFFF), using: &random)
            if let scalar = Unicode.Scalar(code) { text.append(scalar) }
        }
        return String(text)
    }

    @Test("timestamps agree with the server's")
    func times() async throws {
        try await TestDatabase.with { pool in
            let moment = PostgresTimestamp(microsecondsSinceEpoch: 1_769_847_330_250_001)
            let text = try await pool.one(
                "SELECT to_char(\(moment) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')", as: String.self)
            #expect(text == "2026-01-31 08:15:30.250001")
            let read = try await pool.one(
                "SELECT timestamptz '2026-01-31T08:15:30.250001Z', 'infinity'::timestamptz",
                as: (PostgresTimestamp, PostgresTimestamp).self)
            #expect(read == (moment, .infinity))
            #expect(PostgresTimestamp(microsecondsSinceEpoch: -1).millisecondsSinceEpoch == -1)
        }
    }

    @Test("JSON round-trips as text and as documents")
    func json() async throws {
        try await TestDatabase.with { pool in
            let document = JSONText(rawValue: #"{"a": [1, "\u00e9", null]}"#)
            let row = try await pool.one(
                "SELECT \(document), \(document) -> 'a' ->> 1, \(document.rawValue)::json, \(document)",
                as: (JSONText, String, JSONText, String).self)
            #expect(row.0.rawValue == #"{"a": [1, "é", null]}"#)
            #expect(row.1 == "é")
            #expect(row.2 == document)
            #expect(row.3 == row.0.rawValue)
        }
    }

    @Test("other column types are decoded where no information is lost, and rejected by name otherwise")
    func conversions() async throws {
        try await TestDatabase.with { pool in
            try await pool.execute("CREATE TYPE mood AS ENUM ('calm', 'wild')")
            let row = try await pool.one(
                "SELECT 1::smallint, 2::integer, 'v'::varchar, 'n'::name, 'c'::char(2), 'wild'::mood, 1.5::real, ARRAY['x']::varchar[]",
                as: (Int, Int64, String, String, String, String, Double, [String]).self)
            #expect((row.0, row.1, row.6, row.7) == (1, 2, 1.5, ["x"]))
            #expect((row.2, row.3, row.4, row.5) == ("v", "n", "c ", "wild"))
            let error = try await #require(throws: PostgresError.self) {
                _ = try await pool.one("SELECT 1::numeric AS total", as: Int.self)
            }
            #expect(error.reason == .unexpectedResult)
            #expect(error.message.contains("total") && error.message.contains("numeric"))
            await #expect(throws: PostgresError.self) { try await pool.one("SELECT 1::bigint", as: Int32.self) }
            await #expect(throws: PostgresError.self) { try await pool.one("SELECT ARRAY[[1,2],[3,4]]", as: [Int].self) }
            await #expect(throws: PostgresError.self) { try await pool.one("SELECT 'blue'", as: Colour.self) }
        }
    }

    @Test("NULL for a non-optional type is an error, also in arrays")
    func unexpectedNull() async throws {
        try await TestDatabase.with { pool in
            for attempt in 0..<2 {
                let error = await #expect(throws: PostgresError.self) {
                    if attempt == 0 { _ = try await pool.one("SELECT NULL::bigint AS gone", as: Int.self) }
                    if attempt == 1 { _ = try await pool.one("SELECT ARRAY[1, NULL]::bigint[]", as: [Int].self) }
                }
                #expect(error?.reason == .unexpectedResult)
            }
        }
    }
}
