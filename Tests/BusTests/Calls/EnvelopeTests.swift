import TestSupport
import Testing

@testable import Bus

@Suite("Envelopes") struct EnvelopeTests {
    @Test("decoding encoded calls returns the same calls", arguments: UInt64(1)...50)
    func calls(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let calls = (1...Int.random(in: 1...32, using: &random)).map { _ in Self.call(&random) }
        #expect(try CallEnvelope.decode(CallEnvelope.encode(calls)) == calls)
        #expect(CallEnvelope.encode(calls).count <= calls.reduce(2) { $0 + $1.byteCount })
    }

    @Test("decoding encoded answers returns the same answers", arguments: UInt64(1)...50)
    func replies(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let replies = (1...Int.random(in: 1...32, using: &random)).map { _ in
            WireReply(
                correlationID: random.next(), kind: Bool.random(using: &random) ? .answer : .error, payload: Self.payload(&random)
            )
        }
        #expect(try ReplyEnvelope.decode(ReplyEnvelope.encode(replies)) == replies)
    }

    @Test("another version is refused, with the ids of its calls")
    func newerVersion() throws {
        var random = SeededGenerator(seed: 1)
        let calls = [Self.call(&random), Self.call(&random)]
        var bytes = CallEnvelope.encode(calls)
        bytes[0] = 2
        #expect(throws: EnvelopeError.version(2, correlationIDs: calls.map(\.correlationID))) { try CallEnvelope.decode(bytes) }
        #expect(throws: EnvelopeError.version(2, correlationIDs: calls.map(\.correlationID))) { try ReplyEnvelope.decode(bytes) }
    }

    @Test("truncated, changed or random bytes are refused or decoded, and nothing else happens", arguments: UInt64(1)...40)
    func mutations(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let original = CallEnvelope.encode([Self.call(&random), Self.call(&random), Self.call(&random)])
        var refused = 0
        for _ in 0..<300 {
            let bad = original.mutated(using: &random)
            if (try? CallEnvelope.decode(bad)) == nil { refused += 1 }
            _ = try? ReplyEnvelope.decode(bad)
        }
        #expect(refused > 50)
    }

    @Test(
        "these are not envelopes",
        arguments: ["", "01", "0100", "0121", "01 01 0000000000000001", "01 ff 00", "7b 22 61 22 3a 31 7d"])
    func refused(hex: String) {
        #expect(throws: EnvelopeError.self) { try CallEnvelope.decode([UInt8](hex: hex)) }
        #expect(throws: EnvelopeError.self) { try ReplyEnvelope.decode([UInt8](hex: hex)) }
    }

    @Test("bytes after the last call are refused")
    func trailing() {
        var random = SeededGenerator(seed: 3)
        let call = Self.call(&random)
        #expect(throws: EnvelopeError.self) { try CallEnvelope.decode(CallEnvelope.encode([call]) + [0]) }
    }

    @Test("the items of a turn are divided at 32 and at the size of a message, in order")
    func coalescing() {
        var coalescer = Coalescer<String, Int>(maximumBytes: 100)
        let small = (0..<70).compactMap { coalescer.add($0, bytes: 1, to: "small") }
        #expect(small == [Array(0..<32), Array(32..<64)])
        let large = (0..<5).compactMap { coalescer.add($0, bytes: 40, to: "large") }
        #expect(large == [[0, 1], [2, 3]])
        let huge = [9, 10].compactMap { coalescer.add($0, bytes: 1_000, to: "huge") }
        #expect(huge == [[9]])
        let rest = Dictionary(uniqueKeysWithValues: coalescer.drain().map { ($0.destination, $0.items) })
        #expect(rest == ["small": Array(64..<70), "large": [4], "huge": [10]])
        #expect(coalescer.drain().isEmpty)
    }

    private static func call(_ random: inout SeededGenerator) -> WireCall {
        let fields = [
            WireCall.ContextField(name: "traceparent", value: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        ]
        return WireCall(
            correlationID: random.next(), deadline: Int64(bitPattern: random.next()), procedure: "test.echo.v1",
            context: Bool.random(using: &random) ? fields : [], payload: payload(&random))
    }

    private static func payload(_ random: inout SeededGenerator) -> [UInt8] {
        (0..<Int.random(in: 0...300, using: &random)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
}
