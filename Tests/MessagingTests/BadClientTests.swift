import Contracts
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import Messaging

@Suite("Bad clients, over real sockets", .timeLimit(.minutes(2))) struct BadClientTests {
    /// Bytes that violate the protocol, and the close code for them.
    struct Violation: Sendable, CustomTestStringConvertible {
        let name: String
        let code: UInt16
        let bytes: [UInt8]
        var testDescription: String { name }

        init(_ name: String, code: UInt16, _ frames: [UInt8]...) {
            self.name = name
            self.code = code
            bytes = Array(frames.joined())
        }
    }

    private static let violations: [Violation] = {
        let text = Array(#"{"type":"ping"}"#.utf8)
        let large = [UInt8](repeating: UInt8(ascii: "x"), count: 40_000)
        let endless = (0..<64).flatMap { _ in RawClient.frame(0, fin: false) }
        return [
            Violation("unmasked", code: 1_002, RawClient.frame(1, text, masked: false)),
            Violation("a reserved bit", code: 1_002, RawClient.frame(1, text, reserved: 4)),
            Violation("a reserved opcode", code: 1_002, RawClient.frame(3, text)),
            Violation("a reserved control opcode", code: 1_002, RawClient.frame(0xB)),
            Violation("a control frame in fragments", code: 1_002, RawClient.frame(9, text, fin: false)),
            Violation("a control frame of 126 bytes", code: 1_002, RawClient.frame(9, Array(large.prefix(126)))),
            Violation("a continuation without a beginning", code: 1_002, RawClient.frame(0, text)),
            Violation("a message within another", code: 1_002, RawClient.frame(1, text, fin: false), RawClient.frame(1, text)),
            Violation("text that is not UTF-8", code: 1_007, RawClient.frame(1, [0xC3, 0x28])),
            Violation("a binary message", code: 1_003, RawClient.frame(2, text)),
            Violation("a frame that is too large", code: 1_009, RawClient.frame(1, large + large)),
            Violation(
                "a declared length that is far too large", code: 1_009,
                [0x81, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4, 5]),
            Violation(
                "fragments that are too large", code: 1_009, RawClient.frame(1, large, fin: false), RawClient.frame(0, large)),
            Violation("fragments without an end", code: 1_008, RawClient.frame(1, fin: false), endless),
            Violation("a close of one byte", code: 1_002, RawClient.frame(8, [3])),
            Violation("a close with a code that may not be sent", code: 1_002, RawClient.frame(8, [0x03, 0xED])),
            Violation("a close with a reason that is not UTF-8", code: 1_002, RawClient.frame(8, [0x03, 0xE8, 0xFF])),
            // These are valid: a close is answered with its code.
            Violation("a close without a code", code: 1_000, RawClient.frame(8)),
            Violation("a close with an application's code", code: 3_999, RawClient.frame(8, [0x0F, 0x9F, 0x62, 0x79, 0x65])),
        ]
    }()

    @Test("each violation has its close code and does not affect other clients")
    func violations() async throws {
        try await TestGateway.with { gateway in
            let other = try await gateway.client(2)
            for violation in Self.violations {
                let client = try await gateway.client(1)
                await client.send(violation.bytes)
                let (texts, code) = try await client.readToClose()
                #expect(code == violation.code, "\(violation.name)")
                #expect(texts.isEmpty, "\(violation.name)")
            }
            await other.sendText(#"{"type":"ping"}"#)
            #expect(try await other.nextText().type == "pong")
        }
    }

    @Test("fragmented messages are accepted, with control frames between the fragments")
    func fragments() async throws {
        try await TestGateway.with { gateway in
            let client = try await gateway.client(1)
            await client.send(RawClient.frame(1, Array(#"{"type":"#.utf8), fin: false))
            await client.send(RawClient.frame(9, [1, 2, 3]))
            let pong = await client.nextFrame()
            #expect(pong?.opcode == 10 && pong?.payload == [1, 2, 3])
            await client.send(RawClient.frame(0, Array(#""ping"}"#.utf8)))
            #expect(try await client.nextText().type == "pong")
        }
    }

    @Test("a flood of frames is answered with errors, then with 1008; other clients are served")
    func flood() async throws {
        try await TestGateway.with { gateway in
            let (client, other) = (try await gateway.client(1), try await gateway.client(2))
            let ping = RawClient.frame(1, Array(#"{"type":"ping"}"#.utf8))
            await client.send((0..<5_000).flatMap { _ in ping })
            let (texts, code) = try await client.readToClose()
            #expect(code == 1_008)
            #expect(texts.map(\.n) == (1...Int64(texts.count)).map { $0 })
            #expect((200..<4_000).contains(texts.count { $0.type == "pong" }))
            #expect(texts.count { $0.code == "tooManyRequests" } >= 8)
            await other.sendText(#"{"type":"ping"}"#)
            #expect(try await other.nextText().type == "pong")
        }
    }

    @Test("the limit on frames can change while a client is connected")
    func otherRate() async throws {
        let rate = Mutex(10_000.0)
        try await TestGateway.with(framesPerSecond: { rate.withLock { $0 } }) { gateway in
            let client = try await gateway.client(1)
            await client.sendText(#"{"type":"ping"}"#)
            #expect(try await client.nextText().type == "pong")
            rate.withLock { $0 = 1 }
            let ping = RawClient.frame(1, Array(#"{"type":"ping"}"#.utf8))
            await client.send((0..<100).flatMap { _ in ping } + RawClient.frame(8))
            #expect(try await client.readToClose().code == 1_008)
        }
    }

    @Test("control frames count too", arguments: [9, 10] as [UInt8])
    func controlFlood(opcode: UInt8) async throws {
        try await TestGateway.with(framesPerSecond: { 5 }) { gateway in
            let client = try await gateway.client(1)
            await client.send((0..<5_000).flatMap { _ in RawClient.frame(opcode, [0, 0, 0, 0, 0, 0, 0, 0]) })
            #expect(try await client.readToClose().code == 1_008)
        }
    }

    @Test("each bad frame is answered with an error and its ref; after eight follows 1008")
    func badFrames() async throws {
        try await TestGateway.with { gateway in
            let client = try await gateway.client(1)
            await client.send((0..<20).flatMap { RawClient.frame(1, Array(#"{"type":"send","ref":"r\#($0)"}"#.utf8)) })
            let (texts, code) = try await client.readToClose()
            #expect(code == 1_008)
            #expect(texts.prefix(8).map(\.ref) == (0..<8).map { "r\($0)" })
            #expect(texts.allSatisfy { $0.type == "error" && $0.code == "invalid" })
        }
    }

    @Test(
        "the bytes that wait for a client that does not read are bounded; other clients are served; the client gets a gap frame once it reads"
    )
    func neverReads() async throws {
        var limits = GatewayLimits()
        limits.outbound = 65_536
        try await TestGateway.with(limits: limits) { gateway in
            let slow = try await gateway.client(1, receiveBuffer: 4_096)
            let quick = try await gateway.client(2)
            try await slow.setReading(false)
            var seq: Int64 = 0
            func showOne() async throws {
                seq += 1
                await gateway.show([seq], to: [1, 2], padding: 8_000)
                #expect(try await quick.nextText().seq == seq)
            }
            // The kernel buffers some first.
            while await gateway.actor.gapped.isEmpty, seq < 5_000 { try await showOne() }
            for _ in 0..<100 { try await showOne() }
            let waiting = await gateway.outstanding(of: 1)
            #expect((65_536...65_536 + 8_200).contains(waiting))
            try await slow.setReading(true)
            var shown: [RawClient.TextFrame] = []
            while shown.last?.type != "gap" { shown.append(try await slow.nextText()) }
            #expect(shown.map(\.n) == (1...Int64(shown.count)).map { $0 })
            #expect(shown.dropLast().map(\.seq) == (1..<Int64(shown.count)).map { $0 })
            #expect(Int64(shown.count) < seq)
            try await showOne()
            #expect(try await slow.nextText().seq == seq)
        }
    }

    @Test("a client that hardly reads for a minute is disconnected; with very many of them, fewer bytes may wait for each")
    func takesNothing() async throws {
        var limits = GatewayLimits()
        (limits.outbound, limits.outboundInAll) = (65_536, 32_768)
        try await TestGateway.with(limits: limits) { gateway in
            let start = ContinuousClock.now
            let slow = try await gateway.client(1, receiveBuffer: 4_096)
            let quick = try await gateway.client(2)
            try await slow.setReading(false)
            var seq: Int64 = 0
            while await gateway.actor.gapped.isEmpty, seq < 5_000 {
                seq += 1
                await gateway.show([seq], to: [1, 2], padding: 8_000)
                // Then the bytes that the slow client has not read are in the kernel.
                #expect(try await quick.nextText().seq == seq)
            }
            await gateway.actor.tick(now: start + .seconds(59))
            #expect(await gateway.actor.outboundLimit == 4_096)
            #expect(await gateway.connections == 2)
            // A gap does not make the gateway write more to it.
            let waiting = await gateway.outstanding(of: 1)
            await gateway.actor.loseFeed()
            await gateway.actor.restoreFeed()
            #expect(await gateway.outstanding(of: 1) <= waiting)
            await gateway.actor.tick(now: .now + .seconds(61))
            #expect(await gateway.connections == 1)
            #expect(try await gateway.arrival(1, resume: "tests-1.1").nextText().resumed == false)
            await gateway.actor.tick(now: .now)
            #expect(await gateway.actor.outboundLimit == 65_536)
        }
    }

    @Test("frames before hello are processed after it, up to a limit")
    func early() async throws {
        let ping = RawClient.frame(1, Array(#"{"type":"ping"}"#.utf8))
        try await TestGateway.with(owns: false) { gateway in
            let patient = try await gateway.arrival(1, early: ping + ping)
            let flooding = try await gateway.arrival(2, early: Array((0..<17).map { _ in ping }.joined()))
            #expect(try await flooding.readToClose().code == 1_008)
            try await eventually("the flooding client's end") { await gateway.actor.waiting.count == 1 ? () : nil }
            await gateway.assign(TestGateway.everything, epoch: 2)
            #expect(try await patient.nextText().type == "hello")
            for n in [1, 2] as [Int64] {
                let pong = try await patient.nextText()
                #expect(pong.type == "pong" && pong.n == n)
            }
        }
    }

    @Test("a client whose handshake takes too long, or is not HTTP, is closed")
    func slow() async throws {
        try await TestGateway.with(handshakeTimeout: .milliseconds(100)) { gateway in
            let endless = "GET /rt/x HTTP/1.1\r\nX: " + String(repeating: "x", count: 100_000)
            for request in ["", "GET /rt/x HTTP/1.1\r\nHost: x\r\n", "nonsense\r\n\r\n", endless] {
                let client = try await RawClient.connect(to: gateway.port)
                await client.send(Array(request.utf8))
                let answer = await client.readToEnd()
                #expect(!answer.contains("HTTP/1.1 101"))
            }
            #expect(await gateway.connections == 0)
        }
    }

    @Test("a device beyond the limit replaces the oldest one; disconnected devices go first")
    func devices() async throws {
        var limits = GatewayLimits()
        limits.devices = 2
        try await TestGateway.with(limits: limits) { gateway in
            let (first, second) = (try await gateway.client(1), try await gateway.client(1))
            let third = try await gateway.client(1)
            let (texts, code) = try await first.readToClose()
            #expect(texts.map(\.code) == ["tooManyConnections"] && code == 1_008)
            await third.send(RawClient.frame(8))
            _ = try await third.readToClose()
            try await eventually("its end") { await gateway.actor.parked.isEmpty ? nil : () }
            let fourth = try await gateway.client(1)
            for client in [second, fourth] {
                await client.sendText(#"{"type":"ping"}"#)
                #expect(try await client.nextText().type == "pong")
            }
        }
    }
}
