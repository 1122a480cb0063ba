import Contracts
import Foundation
import TestSupport
import Testing

@testable import CBOR

@Suite("CBOR: decoding returns the encoded value") struct CBORRoundTripTests {
    @Test("the examples of RFC 8949 encode to its bytes")
    func examples() throws {
        let cases: [(any Codable, String)] = [
            (0, "00"), (23, "17"), (24, "1818"), (100, "1864"), (1_000, "1903e8"), (1_000_000, "1a000f4240"),
            (Int64(1_000_000_000_000), "1b000000e8d4a51000"), (UInt64.max, "1bffffffffffffffff"), (-1, "20"), (-100, "3863"),
            (-1_000, "3903e7"), (1.1, "fb3ff199999999999a"), (false, "f4"), (true, "f5"), ("", "60"), ("IETF", "6449455446"),
            ("\u{00fc}", "62c3bc"), ([UInt8]([1, 2, 3, 4]), "4401020304"), ([1, 2, 3], "83010203"),
            ([[1], [2, 3]], "8281018202 03".replacing(" ", with: "")), (["a": 1], "a1616101"), (Optional<Int>.none, "f6"),
            ([Int](1...25), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
        ]
        for (value, expected) in cases { #expect(try CBOREncoder.ids.encode(value).hex == expected) }
    }

    @Test("random values of every type", arguments: UInt64(1)...60)
    func random(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let value = Sample.random(using: &random)
        let bytes = try CBOREncoder.ids.encode(value)
        #expect(try CBORDecoder.ids.decode(Sample.self, from: bytes) == value)
    }

    @Test("an id of any type is its number in decimal, as text")
    func identifiers() throws {
        func check<ID: Identifier>(_: ID.Type) throws {
            for number in [1, 23, 1_000, Int64.max] {
                let bytes = try CBOREncoder.ids.encode([ID(rawValue: number)])
                #expect(bytes == (try CBOREncoder.ids.encode([String(number)])))
                #expect(try CBORDecoder.ids.decode([ID].self, from: bytes) == [ID(rawValue: number)])
                // The same bytes without the table, that is by the id's own `Codable`.
                #expect(bytes == (try CBOREncoder().encode([ID(rawValue: number)])))
                #expect(try CBORDecoder().decode([ID].self, from: bytes) == [ID(rawValue: number)])
            }
        }
        try check(UserID.self)
        try check(SessionID.self)
        try check(ChatID.self)
        try check(MessageID.self)
        try check(NextIDs.RawID.self)
    }

    @Test("containers whose heads need more than the reserved byte", arguments: [0, 23, 24, 255, 256, 65_536])
    func longContainers(count: Int) throws {
        let array = Array(repeating: ["x"], count: count)
        #expect(try roundTrip(array) == array)
        let map = Dictionary(uniqueKeysWithValues: (0..<count).map { ("k\($0)", $0) })
        #expect(try roundTrip(map) == map)
    }

    @Test("kept elements encode like their array, also cut and joined", arguments: [0, 1, 23, 24, 300])
    func elements(count: Int) throws {
        let values = (0..<count).map { [String($0): [$0]] }
        let array = try CBOREncoder.ids.encode(["values": values])
        let kept = try #require(try CBORDecoder.ids.decode([String: CBORElements].self, from: array)["values"])
        #expect(try kept == CBOREncoder.ids.elements(values) && kept.count == count)
        #expect(try CBOREncoder.ids.encode(["values": kept]) == array)
        for cut in [0, count / 2, count] {
            var (one, other) = (kept[0..<cut], kept[cut..<count])
            #expect(try CBOREncoder.ids.encode(other) == CBOREncoder.ids.encode(Array(values[cut...])))
            if cut < count { #expect(try other.byteCount(at: 0) == CBOREncoder.ids.encode(values[cut]).count) }
            other.append(one)
            #expect(try CBOREncoder.ids.encode(other) == CBOREncoder.ids.encode(Array(values[cut...] + values[..<cut])))
            one.append(kept[cut..<count])
            #expect(one == kept && one[cut..<count] == kept[cut..<count])
        }
    }

    @Test("integers at the limits of their types")
    func integerLimits() throws {
        #expect(try roundTrip(Int64.min) == .min)
        #expect(try roundTrip(Int64.max) == .max)
        #expect(try roundTrip(UInt64.max) == .max)
        #expect(try roundTrip([Int8.min, .max]) == [.min, .max])
        #expect(try roundTrip([UInt16.min, .max]) == [.min, .max])
    }

    @Test("floating-point numbers, infinities and NaN")
    func floats() throws {
        for value in [0, -0.0, 1.5, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude] as [Double] {
            #expect(try roundTrip(value) == value)
        }
        #expect(try roundTrip(Double.nan).isNaN)
        #expect(try roundTrip(Float(1.25)) == 1.25)
        #expect(try CBORDecoder.ids.decode(Double.self, from: [0x20]) == -1)  // a whole number is a number
    }

    @Test("fields in any order, unknown fields, absent fields and null")
    func evolution() throws {
        struct Newer: Codable {
            var added = ["x": [1, 2]]
            var second = "two"
            var nothing: Int?
            var first = 1
        }
        struct Older: Codable, Equatable {
            var first: Int
            var second: String
            var third: String?
        }
        #expect(
            try CBORDecoder.ids.decode(Older.self, from: CBOREncoder.ids.encode(Newer()))
                == Older(first: 1, second: "two", third: nil))
        let null = [UInt8](hex: "a3 65 6669727374 01 66 7365636f6e64 63 74776f 65 7468697264 f6")
        #expect(try CBORDecoder.ids.decode(Older.self, from: null) == Older(first: 1, second: "two", third: nil))
    }

    @Test("enumerations with associated values, dictionaries, data, dates, classes with a superclass")
    func unusualShapes() throws {
        let choices: [Choice] = [.nothing, .one(5), .pair(left: "a", right: [1.5])]
        #expect(try roundTrip(choices) == choices)
        #expect(try roundTrip([1: "one", 2: "two"]) == [1: "one", 2: "two"])
        #expect(try roundTrip(Data([1, 2, 3])) == Data([1, 2, 3]))
        let date = Date(timeIntervalSince1970: 1_700_000_000.25)
        #expect(try roundTrip(date) == date)
        let child = try roundTrip(Child(base: 7, own: "x"))
        #expect(child.base == 7 && child.own == "x")
        #expect(try CBORDecoder.ids.decode(Empty.self, from: CBOREncoder.ids.encode(Empty())) == Empty())
        #expect(try roundTrip([Int?.none, 3]) == [nil, 3])
    }

    @Test("nested containers, written in order and read in any order")
    func nestedContainers() throws {
        #expect(try roundTrip(ByHand(a: 1, b: ["x", "y"], c: 3)) == ByHand(a: 1, b: ["x", "y"], c: 3))
    }

    @Test("a write to a closed container fails")
    func leftContainer() {
        #expect(throws: EncodingError.self) { try CBOREncoder.ids.encode(Interleaved()) }
        #expect(throws: EncodingError.self) { try CBOREncoder.ids.encode(Twice()) }
    }

    @Test("contracts: a page of messages")
    func contracts() throws {
        let message = Message.sample(seq: 7)
        let page = Page(items: [message, message], next: "more")
        #expect(try roundTrip(page) == page)
        let error = ServiceError(.invalid, "no", fields: [.init("text", "too long")], retryAfterMilliseconds: 5)
        #expect(try roundTrip(error) == error)
    }

    private func roundTrip<Value: Codable>(_ value: Value) throws -> Value {
        try CBORDecoder.ids.decode(Value.self, from: CBOREncoder.ids.encode(value))
    }
}

enum Choice: Codable, Equatable {
    case nothing
    case one(Int)
    case pair(left: String, right: [Double])
}

struct Empty: Codable, Equatable {}

class Parent: Codable {
    let base: Int
    init(base: Int) { self.base = base }
}

final class Child: Parent {
    let own: String
    init(base: Int, own: String) {
        self.own = own
        super.init(base: base)
    }

    required init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        own = try container.decode(String.self, forKey: .own)
        try super.init(from: container.superDecoder())
    }

    override func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try super.encode(to: container.superEncoder())
        try container.encode(own, forKey: .own)
    }

    enum Keys: CodingKey { case own }
}

private struct ByHand: Codable, Equatable {
    var a: Int
    var b: [String]
    var c: Int

    enum Keys: CodingKey { case outer, list, last, inner }

    init(a: Int, b: [String], c: Int) {
        self.a = a
        self.b = b
        self.c = c
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        c = try container.decode(Int.self, forKey: .last)
        let outer = try container.nestedContainer(keyedBy: Keys.self, forKey: .outer)
        var list = try container.nestedUnkeyedContainer(forKey: .list)
        a = try outer.decode(Int.self, forKey: .inner)
        b = []
        while !list.isAtEnd { b.append(try list.decode(String.self)) }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        var outer = container.nestedContainer(keyedBy: Keys.self, forKey: .outer)
        try outer.encode(a, forKey: .inner)
        var list = container.nestedUnkeyedContainer(forKey: .list)
        for text in b { try list.encode(text) }
        try container.encode(c, forKey: .last)
    }
}

private struct Interleaved: Encodable {
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: ByHand.Keys.self)
        var left = container.nestedContainer(keyedBy: ByHand.Keys.self, forKey: .outer)
        try container.encode(1, forKey: .last)
        try left.encode(2, forKey: .inner)
    }
}

private struct Twice: Encodable {
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(1)
        try container.encode(2)
    }
}
