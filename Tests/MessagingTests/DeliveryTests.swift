import Bus
import BusTesting
import Contracts
import NIOCore
import TestSupport
import Testing

@testable import Messaging

@Suite("What clients are shown", .timeLimit(.minutes(2))) struct DeliveryTests {
    private func send(_ key: String) -> String {
        #"{"type":"send","ref":"\#(key)","chatId":"7","clientMessageId":"\#(key)","text":"hi"}"#
    }

    private static func message(_ request: SendMessage, seq: Int64) -> Message {
        Message(
            id: MessageID(rawValue: 100 + seq), chatID: request.chatID, seq: seq, rev: seq, senderID: request.senderID,
            clientMessageID: request.clientMessageID, text: request.text, sentAt: Timestamp(millisecondsSinceEpoch: 0))
    }

    @Test("messages that come twice and in any order are shown once and in theirs, to everybody here")
    func order() async throws {
        try await Gateway.with { gateway in
            let clients = [try await gateway.client(1), try await gateway.client(2), try await gateway.client(2)]
            await gateway.show(inOneTurn: [[1], [1, 4, 3], [4], [2, 3], [5, 1]], to: [1, 2, 3])
            for client in clients {
                for seq in 1...5 as ClosedRange<Int64> {
                    #expect(try await client.said() == RawClient.Said(type: "message", n: seq, seq: seq))
                }
            }
        }
    }

    @Test("a message that was divided by routes that are no longer true: who does not see it is told of a gap")
    func divided() async throws {
        try await Gateway.with { gateway in
            let (one, two) = (try await gateway.client(1), try await gateway.client(2))
            await gateway.show([1], to: [1, 2])
            for _ in 0..<2 {
                await gateway.show([2], to: [2])
                await gateway.show([2], to: [1])
            }
            await gateway.show([3], to: [2, 1])
            var shown: [Int64] = []
            var gaps = 0
            while shown.last != 3 {
                let frame = try await one.said()
                if frame.type == "gap" { gaps += 1 } else { shown.append(frame.seq ?? 0) }
            }
            #expect(shown == [1, 3] && gaps >= 1)
            for seq in [1, 2] as [Int64] { #expect(try await two.said().seq == seq) }
        }
    }

    @Test("one that never comes is waited for a moment, then the gap is told, and the rest shown")
    func missing() async throws {
        try await Gateway.with { gateway in
            let client = try await gateway.client(1)
            await gateway.show([1, 3, 4], to: [1])
            #expect(try await client.said().seq == 1)
            #expect(try await client.said().type == "gap")
            #expect(try await client.said().seq == 3)
            #expect(try await client.said().seq == 4)
            // Too late for its place.
            await gateway.show([2], to: [1])
            #expect(try await client.said().type == "gap")
        }
    }

    @Test("whoever sent a message gets its ack and not the message, whichever is first; the user's other devices get it")
    func ownSends() async throws {
        try await Gateway.with { gateway in
            let (sender, other) = (try await gateway.client(1), try await gateway.client(1))
            let shown = OneShotSignal<Void>()
            gateway.bus.answer(SendMessage.self) { request in
                if request.clientMessageID.rawValue == "late" { await shown.value }
                return .init(
                    message: Self.message(request, seq: request.clientMessageID.rawValue == "late" ? 2 : 1), repeated: false)
            }
            await sender.say(send("early"))
            let ack = try await sender.said()
            #expect(ack.type == "ack" && ack.ref == "early" && ack.seq == 1)
            await gateway.show([1], to: [1], from: 1, key: "early")
            #expect(try await other.said().seq == 1)
            await sender.say(send("late"))
            try await eventually("the request") { gateway.bus.asked(SendMessage.self).count == 2 ? () : nil }
            await gateway.show([2], to: [1], from: 1, key: "late")
            #expect(try await other.said().seq == 2)
            shown.send()
            #expect(try await sender.said().ref == "late")
            // Somebody else's key of the same name is another message.
            await gateway.show([3], to: [1], from: 2, key: "late")
            for client in [sender, other] { #expect(try await client.said().seq == 3) }
        }
    }

    @Test("when a send fails, its sender is shown the message, should it have been stored after all")
    func failedSend() async throws {
        try await Gateway.with { gateway in
            let sender = try await gateway.client(1)
            gateway.bus.answer(SendMessage.self) { _ in throw ServiceError(.unknownOutcome, "nobody knows") }
            await sender.say(send("a"))
            let error = try await sender.said()
            #expect(error.type == "error" && error.ref == "a" && error.code == "unknownOutcome")
            await gateway.show([1], to: [1], from: 1, key: "a")
            #expect(try await sender.said().seq == 1)
        }
    }

    @Test("when nobody knows whether it was stored, and it was left out for its sender already, they are told of a gap")
    func failedAfterwards() async throws {
        try await Gateway.with { gateway in
            let (sender, mayFail) = (try await gateway.client(1), OneShotSignal<Void>())
            gateway.bus.answer(SendMessage.self) { _ in
                await mayFail.value
                throw ServiceError(.unknownOutcome, "nobody knows")
            }
            await sender.say(send("a"))
            try await eventually("the request") { gateway.bus.asked(SendMessage.self).count == 1 ? () : nil }
            await gateway.show([1], to: [1], from: 1, key: "a")
            mayFail.send()
            #expect(try await sender.said().type == "gap")
            #expect(try await sender.said().code == "unknownOutcome")
        }
    }

    @Test("messages of a chat while none of its members are here are not missed by those who come then")
    func nobodyHere() async throws {
        try await Gateway.with { gateway in
            let first = try await gateway.arrival(1, session: 1)
            _ = try await first.said()
            await gateway.show([1], to: [1])
            _ = try await first.said()
            // Whoever has come anew and is all there is knows nothing of the one before.
            await gateway.hub.cut([SessionID(rawValue: 1)])
            _ = try await first.end()
            await gateway.show([2, 3], to: [1])
            let next = try await gateway.client(1, session: 2)
            await gateway.show([4, 3], to: [1])
            #expect(try await next.said() == RawClient.Said(type: "message", n: 1, seq: 4))
            await gateway.show([5], to: [1])
            #expect(try await next.said() == RawClient.Said(type: "message", n: 2, seq: 5))
        }
    }

    @Test("what a connection sends to a chat leaves in the order in which it was said; other chats need not wait for that")
    func sendOrder() async throws {
        try await Gateway.with { gateway in
            let (client, mayAnswer) = (try await gateway.client(1), OneShotSignal<Void>())
            gateway.bus.answer(SendMessage.self) { request in
                if request.clientMessageID.rawValue == "1" { await mayAnswer.value }
                if request.clientMessageID.rawValue == "2" { throw ServiceError(.denied, "not this one") }
                return .init(message: Self.message(request, seq: 1), repeated: false)
            }
            for key in ["1", "2", "3"] { await client.say(send(key)) }
            await client.say(send("elsewhere").replacing(#""7""#, with: #""8""#))
            #expect(try await client.said().ref == "elsewhere")
            #expect(gateway.bus.asked(SendMessage.self).map(\.clientMessageID.rawValue) == ["1", "elsewhere"])
            mayAnswer.send()
            for key in ["1", "2", "3"] { #expect(try await client.said().ref == key) }
            await client.say(send("4"))
            #expect(try await client.said().ref == "4")
        }
    }

    @Test("the time of a send runs from when it was said, also while it waits for the one before")
    func sendTime() async throws {
        try await Gateway.with { gateway in
            let (client, mayAnswer, deadlines) = (try await gateway.client(1), OneShotSignal<Void>(), ValueRecorder<Int64>())
            gateway.bus.answer(SendMessage.self) { request in
                deadlines.add(Deadline.current?.millisecondsSinceEpoch ?? .max)
                await mayAnswer.value
                return .init(message: Self.message(request, seq: 1), repeated: false)
            }
            for key in ["1", "2"] { await client.say(send(key)) }
            await client.say(#"{"type":"ping"}"#)
            #expect(try await client.said().type == "pong")
            let latest = Deadline.after(SendMessage.timeout).millisecondsSinceEpoch
            try await eventually("a moment later") {
                Deadline.after(SendMessage.timeout).millisecondsSinceEpoch > latest ? () : nil
            }
            mayAnswer.send()
            for key in ["1", "2"] { #expect(try await client.said().ref == key) }
            #expect(deadlines.count == 2 && deadlines.all.allSatisfy { $0 <= latest })
        }
    }

    @Test("so many requests of a connection are worked on at once; a further one is refused, with its ref")
    func requests() async throws {
        var limits = HubLimits()
        limits.requests = 2
        try await Gateway.with(limits: limits) { gateway in
            let client = try await gateway.client(1)
            let mayAnswer = OneShotSignal<Void>()
            gateway.bus.answer(SendMessage.self) { request in
                await mayAnswer.value
                return .init(message: Self.message(request, seq: 1), repeated: false)
            }
            for key in ["a", "b", "c"] { await client.say(send(key)) }
            let refused = try await client.said()
            #expect(refused.ref == "c" && refused.code == "tooManyRequests")
            mayAnswer.send()
            let refs = [try await client.said().ref, try await client.said().ref]
            #expect(Set(refs) == ["a", "b"])
            await client.say(send("d"))
            #expect(try await client.said().type == "ack")
        }
    }

    @Test("a client that comes back gets what it missed, whole; the line of another session is not theirs")
    func resume() async throws {
        try await Gateway.with { gateway in
            let client = try await gateway.arrival(1)
            let id = try #require(try await client.said().connectionId)
            await gateway.show([1], to: [1])
            #expect(try await client.said().n == 1)
            await client.send(RawClient.frame(8))
            _ = try await client.end()
            await gateway.show([2, 3], to: [1])
            let stranger = try await gateway.arrival(1, session: 2, resume: "\(id).1")
            #expect(try await stranger.said().resumed == false)
            let back = try await gateway.arrival(1, resume: "\(id).1")
            let hello = try await back.said()
            #expect(hello.resumed == true && hello.connectionId == id)
            for n in [2, 3] as [Int64] { #expect(try await back.said() == RawClient.Said(type: "message", n: n, seq: n)) }
            // Whoever says that they have seen more than there was has not been here.
            #expect(try await gateway.arrival(1, resume: "\(id).9").said().resumed == false)
        }
    }

    @Test("a line is kept for a minute, and not at all once it could not be whole")
    func forgotten() async throws {
        try await Gateway.with { gateway in
            let (one, two) = (try await gateway.arrival(1), try await gateway.arrival(2))
            let ids = [try await one.said().connectionId, try await two.said().connectionId].compactMap(\.self)
            let start = ContinuousClock.now
            for client in [one, two] {
                await client.send(RawClient.frame(8))
                _ = try await client.end()
            }
            try await eventually("both gone") { await gateway.connections == 0 ? () : nil }
            await gateway.show(Array(1...9), to: [1], padding: 8_000)
            #expect(await gateway.lines == 1)
            #expect(try await gateway.arrival(1, resume: "\(ids[0]).0").said().resumed == false)
            await gateway.hub.tick(now: start + .seconds(59))
            #expect(try await gateway.arrival(2, resume: "\(ids[1]).0").said().resumed == true)
            try await eventually("both gone again") { await gateway.connections == 0 ? () : nil }
            await gateway.hub.tick(now: .now + .seconds(61))
            #expect(try await gateway.arrival(2, resume: "\(ids[1]).0").said().resumed == false)
            #expect(await gateway.hub.replayBytes == 0)
        }
    }
}
