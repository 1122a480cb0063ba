import Contracts
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import Messaging

@Suite("Bad clients, over real sockets", .timeLimit(.minutes(2))) struct BadClientTests {
    /// A break of the rules, and the code that it is closed with.
    struct Break: Sendable, CustomTestStringConvertible {
        let name: String
        let code: UInt16
        let bytes: [UInt8]
        var testDescription: String { name }

        init(_ name: String, _ code: UInt16, _ frames: [UInt8]...) {
            (self.name, self.code, bytes) = (name, code, Array(frames.joined()))
        }
    }

    private static let breaks: [Break] = {
        let text = Array(#"{"type":"ping"}"#.utf8)
        let large = [UInt8](repeating: UInt8(ascii: "x"), count: 40_000)
        let endless = (0..<64).flatMap { _ in RawClient.frame(0, fin: false) }
        return [
            Break("unmasked", 1_002, RawClient.frame(1, text, masked: false)),
            Break("a reserved bit", 1_002, RawClient.frame(1, text, reserved: 4)),
            Break("an opcode that is none", 1_002, RawClient.frame(3, text)),
            Break("a control opcode that is none", 1_002, RawClient.frame(0xB)),
            Break("a control frame in fragments", 1_002, RawClient.frame(9, text, fin: false)),
            Break("a control frame of 126 bytes", 1_002, RawClient.frame(9, Array(large.prefix(126)))),
            Break("a continuation of nothing", 1_002, RawClient.frame(0, text)),
            Break("a message within another", 1_002, RawClient.frame(1, text, fin: false), RawClient.frame(1, text)),
            Break("text that is not UTF-8", 1_007, RawClient.frame(1, [0xC3, 0x28])),
            Break("a binary message", 1_003, RawClient.frame(2, text)),
            Break("a frame that is too large", 1_009, RawClient.frame(1, large + large)),
            Break(
                "one far too large, announced", 1_009,
                [0x81, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4, 5]),
            Break("fragments that are too large", 1_009, RawClient.frame(1, large, fin: false), RawClient.frame(0, large)),
            Break("fragments without an end", 1_008, RawClient.frame(1, fin: false), endless),
            Break("a close of one byte", 1_002, RawClient.frame(8, [3])),
            Break("a close with a code that may not be sent", 1_002, RawClient.frame(8, [0x03, 0xED])),
            Break("a close with a reason that is not UTF-8", 1_002, RawClient.frame(8, [0x03, 0xE8, 0xFF])),
            // These are no breaks: a close is answered with its code.
            Break("a close without a code", 1_000, RawClient.frame(8)),
            Break("a close with a code of the client's own", 3_999, RawClient.frame(8, [0x0F, 0x9F, 0x62, 0x79, 0x65])),
        ]
    }()

    @Test("each break of the rules has its close code, and costs nobody else anything")
    func breaks() async throws {
        try await Gateway.with { gateway in
            let other = try await gateway.client(2)
            for one in Self.breaks {
                let client = try await gateway.client(1)
                await client.send(one.bytes)
                let (texts, code) = try await client.end()
                #expect(code == one.code, "\(one.name)")
                #expect(texts.isEmpty, "\(one.name)")
            }
            await other.say(#"{"type":"ping"}"#)
            #expect(try await other.said().type == "pong")
        }
    }

    @Test("messages in fragments, with control frames between them, are none")
    func fragments() async throws {
        try await Gateway.with { gateway in
            let client = try await gateway.client(1)
            await client.send(RawClient.frame(1, Array(#"{"type":"#.utf8), fin: false))
            await client.send(RawClient.frame(9, [1, 2, 3]))
            let pong = await client.frame()
            #expect(pong?.opcode == 10 && pong?.payload == [1, 2, 3])
            await client.send(RawClient.frame(0, Array(#""ping"}"#.utf8)))
            #expect(try await client.said().type == "pong")
        }
    }

    @Test("a flood: what was too much is said, then 1008; others are served")
    func flood() async throws {
        try await Gateway.with { gateway in
            let (client, other) = (try await gateway.client(1), try await gateway.client(2))
            let ping = RawClient.frame(1, Array(#"{"type":"ping"}"#.utf8))
            await client.send((0..<5_000).flatMap { _ in ping })
            let (texts, code) = try await client.end()
            #expect(code == 1_008)
            #expect(texts.map(\.n) == (1...Int64(texts.count)).map { $0 })
            #expect((200..<4_000).contains(texts.count { $0.type == "pong" }))
            #expect(texts.count { $0.code == "tooManyRequests" } >= 8)
            await other.say(#"{"type":"ping"}"#)
            #expect(try await other.said().type == "pong")
        }
    }

    @Test("how many frames a client may send can change while it is connected")
    func otherRate() async throws {
        let rate = Mutex(10_000.0)
        try await Gateway.with(framesPerSecond: { rate.withLock { $0 } }) { gateway in
            let client = try await gateway.client(1)
            await client.say(#"{"type":"ping"}"#)
            #expect(try await client.said().type == "pong")
            rate.withLock { $0 = 1 }
            let ping = RawClient.frame(1, Array(#"{"type":"ping"}"#.utf8))
            await client.send((0..<100).flatMap { _ in ping } + RawClient.frame(8))
            #expect(try await client.end().code == 1_008)
        }
    }

    @Test("control frames are counted too", arguments: [9, 10] as [UInt8])
    func controlFlood(opcode: UInt8) async throws {
        try await Gateway.with(framesPerSecond: { 5 }) { gateway in
            let client = try await gateway.client(1)
            await client.send((0..<5_000).flatMap { _ in RawClient.frame(opcode, [0, 0, 0, 0, 0, 0, 0, 0]) })
            #expect(try await client.end().code == 1_008)
        }
    }

    @Test("bad frames: each is said, with its ref; after eight 1008")
    func badFrames() async throws {
        try await Gateway.with { gateway in
            let client = try await gateway.client(1)
            await client.send((0..<20).flatMap { RawClient.frame(1, Array(#"{"type":"send","ref":"r\#($0)"}"#.utf8)) })
            let (texts, code) = try await client.end()
            #expect(code == 1_008)
            #expect(texts.prefix(8).map(\.ref) == (0..<8).map { "r\($0)" })
            #expect(texts.allSatisfy { $0.type == "error" && $0.code == "invalid" })
        }
    }

    @Test("a client that never reads: what waits for it is bounded, others get theirs, and it is told of the gap once it reads")
    func neverReads() async throws {
        var limits = HubLimits()
        limits.outbound = 65_536
        try await Gateway.with(limits: limits) { gateway in
            let slow = try await gateway.client(1, receiveBuffer: 4_096)
            let quick = try await gateway.client(2)
            try await slow.listens(false)
            var seq: Int64 = 0
            func showOne() async throws {
                seq += 1
                await gateway.show([seq], to: [1, 2], padding: 8_000)
                #expect(try await quick.said().seq == seq)
            }
            // The kernel takes some first.
            while await gateway.hub.gapped.isEmpty, seq < 5_000 { try await showOne() }
            for _ in 0..<100 { try await showOne() }
            let waiting = await gateway.outstanding(of: 1)
            #expect((65_536...65_536 + 8_200).contains(waiting))
            try await slow.listens(true)
            var shown: [RawClient.Said] = []
            while shown.last?.type != "gap" { shown.append(try await slow.said()) }
            #expect(shown.map(\.n) == (1...Int64(shown.count)).map { $0 })
            #expect(shown.dropLast().map(\.seq) == (1..<Int64(shown.count)).map { $0 })
            #expect(Int64(shown.count) < seq)
            try await showOne()
            #expect(try await slow.said().seq == seq)
        }
    }

    @Test("a client that takes next to nothing for a minute is let go; beside very many of them each may have less wait for it")
    func takesNothing() async throws {
        var limits = HubLimits()
        (limits.outbound, limits.outboundInAll) = (65_536, 32_768)
        try await Gateway.with(limits: limits) { gateway in
            let start = ContinuousClock.now
            let slow = try await gateway.client(1, receiveBuffer: 4_096)
            let quick = try await gateway.client(2)
            try await slow.listens(false)
            var seq: Int64 = 0
            while await gateway.hub.gapped.isEmpty, seq < 5_000 {
                seq += 1
                await gateway.show([seq], to: [1, 2], padding: 8_000)
                // So that what the slow one has not taken is with the kernel.
                #expect(try await quick.said().seq == seq)
            }
            await gateway.hub.tick(now: start + .seconds(59))
            #expect(await gateway.hub.outboundLimit == 4_096)
            #expect(await gateway.connections == 2)
            // Being told of a gap is no reason to write more to it.
            let waiting = await gateway.outstanding(of: 1)
            await gateway.hub.feedIsLost()
            await gateway.hub.feedIsBack()
            #expect(await gateway.outstanding(of: 1) <= waiting)
            await gateway.hub.tick(now: .now + .seconds(61))
            #expect(await gateway.connections == 1)
            #expect(try await gateway.arrival(1, resume: "tests-1.1").said().resumed == false)
            await gateway.hub.tick(now: .now)
            #expect(await gateway.hub.outboundLimit == 65_536)
        }
    }

    @Test("what comes before hello is kept for after it, and not too much of it")
    func early() async throws {
        let ping = RawClient.frame(1, Array(#"{"type":"ping"}"#.utf8))
        try await Gateway.with(owns: false) { gateway in
            let patient = try await gateway.arrival(1, early: ping + ping)
            let flooding = try await gateway.arrival(2, early: Array((0..<17).map { _ in ping }.joined()))
            #expect(try await flooding.end().code == 1_008)
            try await eventually("the patient one alone") { await gateway.hub.waiting.count == 1 ? () : nil }
            await gateway.assign(Gateway.everything, epoch: 2)
            #expect(try await patient.said().type == "hello")
            for n in [1, 2] as [Int64] {
                let pong = try await patient.said()
                #expect(pong.type == "pong" && pong.n == n)
            }
        }
    }

    @Test("whoever takes too long to come in, or says what is no request, is closed")
    func slow() async throws {
        try await Gateway.with(handshakeTimeout: .milliseconds(100)) { gateway in
            let endless = "GET /rt/x HTTP/1.1\r\nX: " + String(repeating: "x", count: 100_000)
            for request in ["", "GET /rt/x HTTP/1.1\r\nHost: x\r\n", "nonsense\r\n\r\n", endless] {
                let client = try await RawClient.connect(to: gateway.port)
                await client.send(Array(request.utf8))
                let answer = await client.rest()
                #expect(!answer.contains("HTTP/1.1 101"))
            }
            #expect(await gateway.connections == 0)
        }
    }

    @Test("a user has so many devices: a further one takes the place of the oldest, of one that is gone first")
    func devices() async throws {
        var limits = HubLimits()
        limits.devices = 2
        try await Gateway.with(limits: limits) { gateway in
            let (first, second) = (try await gateway.client(1), try await gateway.client(1))
            let third = try await gateway.client(1)
            let (texts, code) = try await first.end()
            #expect(texts.map(\.code) == ["tooManyConnections"] && code == 1_008)
            await third.send(RawClient.frame(8))
            _ = try await third.end()
            try await eventually("its end") { await gateway.hub.parked.isEmpty ? nil : () }
            let fourth = try await gateway.client(1)
            for client in [second, fourth] {
                await client.say(#"{"type":"ping"}"#)
                #expect(try await client.said().type == "pong")
            }
        }
    }
}
