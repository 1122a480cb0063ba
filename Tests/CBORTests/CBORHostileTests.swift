import Contracts
import TestSupport
import Testing

@testable import CBOR

@Suite("CBOR: malformed bytes are an error") struct CBORHostileTests {
    @Test(
        "malformed bytes are refused",
        arguments: [
            ("", "nothing at all"), ("18", "a head cut off"), ("1b00000000", "a number cut off"), ("6461", "text cut off"),
            ("a1", "a map cut off"), ("a16161", "a value missing"), ("0000", "trailing bytes"), ("9f01ff", "an indefinite array"),
            ("bf616101ff", "an indefinite map"), ("7f6161ff", "indefinite text"), ("c001", "a tag"), ("f7", "undefined"),
            ("e0", "an unassigned simple value"), ("f818", "a long simple value"), ("1c", "a reserved head"),
            ("ff", "a lone break"),
            ("9b7fffffffffffffff", "an array of 2^63 elements"), ("bbffffffffffffffff", "a map of 2^64 pairs"),
            ("5bffffffffffffffff", "2^64 bytes"), ("7b7fffffffffffffff61", "2^63 bytes of text"),
            ("9a7fffffff00", "2^31 elements"),
            ("a10101", "a key that is a number"), ("62c328", "text that is not UTF-8"), ("a162c32801", "a key that is not UTF-8"),
        ])
    func refused(hex: String, what: String) {
        #expect(throws: DecodingError.self, "\(what)") { try CBORDecoder.ids.decode(Anything.self, from: [UInt8](hex: hex)) }
    }

    @Test("the error for a wrong type names the expected type and the place")
    func wrongType() throws {
        struct Outer: Codable { var list: [Inner] }
        struct Inner: Codable { var number: Int }
        struct Other: Codable { var list: [[String: String]] }
        let bytes = try CBOREncoder.ids.encode(Other(list: [["number": "x"]]))
        let error = try #require(throws: DecodingError.self) { try CBORDecoder.ids.decode(Outer.self, from: bytes) }
        guard case .typeMismatch(_, let context) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(context.codingPath.map(\.stringValue) == ["list", "Index 0", "number"])
        #expect(context.debugDescription == "expected Int, found text")
    }

    @Test("an absent field, a null and a number out of range are different errors")
    func absentNullRange() throws {
        #expect(try decodingASmallInteger("a0") == "absent")
        #expect(try decodingASmallInteger("a1 65 76616c7565 f6") == "another type")
        #expect(try decodingASmallInteger("a1 65 76616c7565 1880") == "out of range")
        #expect(try decodingASmallInteger("a1 65 76616c7565 3bffffffffffffffff") == "out of range")
    }

    private func decodingASmallInteger(_ hex: String) throws -> String {
        do {
            _ = try CBORDecoder.ids.decode(Small.self, from: [UInt8](hex: hex))
            return "nothing"
        } catch DecodingError.keyNotFound {
            return "absent"
        } catch DecodingError.typeMismatch {
            return "another type"
        } catch DecodingError.dataCorrupted {
            return "out of range"
        }
    }

    @Test("deep nesting is refused where it is decoded, and skipped elsewhere")
    func nesting() throws {
        let deep = [UInt8](repeating: 0x81, count: 100_000) + [0x00]
        #expect(throws: DecodingError.self) { try CBORDecoder.ids.decode(Nest.self, from: deep) }
        #expect(try CBORDecoder.ids.decode(Empty.self, from: [0xA1, 0x61, 0x78] + deep) == Empty())
        let allowed = [UInt8](repeating: 0x81, count: CBORDecoder.maximumDepth - 2) + [0x80]
        #expect(throws: Never.self) { try CBORDecoder.ids.decode(Nest.self, from: allowed) }
        #expect(throws: EncodingError.self) { try CBOREncoder.ids.encode(Nest.of(depth: CBOREncoder.maximumDepth + 1)) }
    }

    @Test("mutated bytes are a value or an error", arguments: UInt64(1)...16)
    func mutations(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let original = try CBOREncoder.ids.encode([Sample.random(using: &random), Sample.random(using: &random)])
        let page = try CBOREncoder.ids.encode(Page(items: [Message.sample(seq: 1)], next: "x"))
        var refused = 0
        for _ in 0..<150 {
            let bad = original.mutated(using: &random)
            if (try? CBORDecoder.ids.decode([Sample].self, from: bad)) == nil { refused += 1 }
            _ = try? CBORDecoder.ids.decode(Anything.self, from: bad)
            _ = try? CBORDecoder.ids.decode(Page<Message>.self, from: page.mutated(using: &random))
        }
        #expect(refused > 30)
    }

    @Test("random bytes are a value or an error", arguments: UInt64(1)...20)
    func noise(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let bytes = (0..<Int.random(in: 0...64, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = try? CBORDecoder.ids.decode(Sample.self, from: bytes)
            _ = try? CBORDecoder.ids.decode(Anything.self, from: bytes)
        }
    }
}

private struct Small: Codable { var value: Int8 }

/// Arrays within arrays.
private struct Nest: Codable {
    var inner: [Nest]
    init(inner: [Nest]) { self.inner = inner }
    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        inner = []
        while !container.isAtEnd { inner.append(try container.decode(Nest.self)) }
    }
    func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        for nest in inner { try container.encode(nest) }
    }
    static func of(depth: Int) -> Nest { (0..<depth).reduce(Nest(inner: [])) { inner, _ in Nest(inner: [inner]) } }
}

/// Takes whatever is there, as far as CBOR has a name for it.
enum Anything: Decodable {
    case null, bool(Bool), integer(Int64), unsigned(UInt64), double(Double), text(String), array([Anything]), map(
        [String: Anything])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(UInt64.self) {
            self = .unsigned(value)
        } else if let value = try? container.decode(Double.self) {
            self = .double(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([Anything].self) {
            self = .array(value)
        } else {
            self = .map(try container.decode([String: Anything].self))
        }
    }
}
