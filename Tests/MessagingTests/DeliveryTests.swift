import Bus
import BusTesting
import Contracts
import NIOCore
import TestSupport
import Testing

@testable import Messaging

@Suite("Deliveries to clients", .timeLimit(.minutes(2))) struct DeliveryTests {
    private func send(_ key: String) -> String {
        #"{"type":"send","ref":"\#(key)","chatId":"7","clientMessageId":"\#(key)","text":"hi"}"#
    }

    private static func message(_ request: SendMessage, seq: Int64) -> Message {
        Message(
            id: MessageID(rawValue: 100 + seq), chatID: request.chatID, seq: seq, rev: seq, senderID: request.senderID,
            clientMessageID: request.clientMessageID, text: request.text, sentAt: Timestamp(millisecondsSinceEpoch: 0))
    }

    @Test("repeated and reordered messages are delivered once and in order, to every device")
    func order() async throws {
        try await TestGateway.with { gateway in
            let clients = [try await gateway.client(1), try await gateway.client(2), try await gateway.client(2)]
            await gateway.show(inOneTurn: [[1], [1, 4, 3], [4], [2, 3], [5, 1]], to: [1, 2, 3])
            for client in clients {
                for seq in 1...5 as ClosedRange<Int64> {
                    #expect(try await client.nextText() == RawClient.TextFrame(type: "message", n: seq, seq: seq))
                }
            }
        }
    }

    @Test("a message that arrives in parts: recipients of the later part get gap")
    func divided() async throws {
        try await TestGateway.with { gateway in
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
                let frame = try await one.nextText()
                if frame.type == "gap" { gaps += 1 } else { shown.append(frame.seq ?? 0) }
            }
            #expect(shown == [1, 3] && gaps >= 1)
            for seq in [1, 2] as [Int64] { #expect(try await two.nextText().seq == seq) }
        }
    }

    @Test("a missing message is waited for briefly; then gap and the following messages are sent")
    func missing() async throws {
        try await TestGateway.with { gateway in
            let client = try await gateway.client(1)
            await gateway.show([1, 3, 4], to: [1])
            #expect(try await client.nextText().seq == 1)
            #expect(try await client.nextText().type == "gap")
            #expect(try await client.nextText().seq == 3)
            #expect(try await client.nextText().seq == 4)
            // Too late for its place.
            await gateway.show([2], to: [1])
            #expect(try await client.nextText().type == "gap")
        }
    }

    @Test("the sending connection gets the ack and not the message, in either order; the user's other devices get the message")
    func ownSends() async throws {
        try await TestGateway.with { gateway in
            let (sender, other) = (try await gateway.client(1), try await gateway.client(1))
            let shown = OneShotSignal<Void>()
            gateway.bus.answer(SendMessage.self) { request in
                if request.clientMessageID.rawValue == "late" { await shown.value }
                return .init(
                    message: Self.message(request, seq: request.clientMessageID.rawValue == "late" ? 2 : 1), repeated: false)
            }
            await sender.sendText(send("early"))
            let ack = try await sender.nextText()
            #expect(ack.type == "ack" && ack.ref == "early" && ack.seq == 1)
            await gateway.show([1], to: [1], from: 1, key: "early")
            #expect(try await other.nextText().seq == 1)
            await sender.sendText(send("late"))
            try await eventually("the request") { gateway.bus.asked(SendMessage.self).count == 2 ? () : nil }
            await gateway.show([2], to: [1], from: 1, key: "late")
            #expect(try await other.nextText().seq == 2)
            shown.send()
            #expect(try await sender.nextText().ref == "late")
            // The same key of another sender is another message.
            await gateway.show([3], to: [1], from: 2, key: "late")
            for client in [sender, other] { #expect(try await client.nextText().seq == 3) }
        }
    }

    @Test("after a failed send, the sender gets the message if it was stored nevertheless")
    func failedSend() async throws {
        try await TestGateway.with { gateway in
            let sender = try await gateway.client(1)
            gateway.bus.answer(SendMessage.self) { _ in throw ServiceError(.unknownOutcome, "outcome unknown") }
            await sender.sendText(send("a"))
            let error = try await sender.nextText()
            #expect(error.type == "error" && error.ref == "a" && error.code == "unknownOutcome")
            await gateway.show([1], to: [1], from: 1, key: "a")
            #expect(try await sender.nextText().seq == 1)
        }
    }

    @Test("after a send with unknown outcome, the sender gets gap if its message was filtered already")
    func failedAfterwards() async throws {
        try await TestGateway.with { gateway in
            let (sender, mayFail) = (try await gateway.client(1), OneShotSignal<Void>())
            gateway.bus.answer(SendMessage.self) { _ in
                await mayFail.value
                throw ServiceError(.unknownOutcome, "outcome unknown")
            }
            await sender.sendText(send("a"))
            try await eventually("the request") { gateway.bus.asked(SendMessage.self).count == 1 ? () : nil }
            await gateway.show([1], to: [1], from: 1, key: "a")
            mayFail.send()
            #expect(try await sender.nextText().type == "gap")
            #expect(try await sender.nextText().code == "unknownOutcome")
        }
    }

    @Test("messages of a time without connected members leave no gap for members who connect later")
    func nobodyHere() async throws {
        try await TestGateway.with { gateway in
            let first = try await gateway.arrival(1, session: 1)
            _ = try await first.nextText()
            await gateway.show([1], to: [1])
            _ = try await first.nextText()
            // No session of the user is left.
            await gateway.actor.revoke([SessionID(rawValue: 1)])
            _ = try await first.readToClose()
            await gateway.show([2, 3], to: [1])
            let next = try await gateway.client(1, session: 2)
            await gateway.show([4, 3], to: [1])
            #expect(try await next.nextText() == RawClient.TextFrame(type: "message", n: 1, seq: 4))
            await gateway.show([5], to: [1])
            #expect(try await next.nextText() == RawClient.TextFrame(type: "message", n: 2, seq: 5))
        }
    }

    @Test("sends of a connection to one chat are performed in order; other chats do not wait for them")
    func sendOrder() async throws {
        try await TestGateway.with { gateway in
            let (client, mayAnswer) = (try await gateway.client(1), OneShotSignal<Void>())
            gateway.bus.answer(SendMessage.self) { request in
                if request.clientMessageID.rawValue == "1" { await mayAnswer.value }
                if request.clientMessageID.rawValue == "2" { throw ServiceError(.denied, "not this one") }
                return .init(message: Self.message(request, seq: 1), repeated: false)
            }
            for key in ["1", "2", "3"] { await client.sendText(send(key)) }
            await client.sendText(send("elsewhere").replacing(#""7""#, with: #""8""#))
            #expect(try await client.nextText().ref == "elsewhere")
            #expect(gateway.bus.asked(SendMessage.self).map(\.clientMessageID.rawValue) == ["1", "elsewhere"])
            mayAnswer.send()
            for key in ["1", "2", "3"] { #expect(try await client.nextText().ref == key) }
            await client.sendText(send("4"))
            #expect(try await client.nextText().ref == "4")
        }
    }

    @Test("a send's deadline counts from its submission, also while it is queued")
    func sendTime() async throws {
        try await TestGateway.with { gateway in
            let (client, mayAnswer, deadlines) = (try await gateway.client(1), OneShotSignal<Void>(), ValueRecorder<Int64>())
            gateway.bus.answer(SendMessage.self) { request in
                deadlines.add(Deadline.current?.millisecondsSinceEpoch ?? .max)
                await mayAnswer.value
                return .init(message: Self.message(request, seq: 1), repeated: false)
            }
            for key in ["1", "2"] { await client.sendText(send(key)) }
            await client.sendText(#"{"type":"ping"}"#)
            #expect(try await client.nextText().type == "pong")
            let latest = Deadline.after(SendMessage.timeout).millisecondsSinceEpoch
            try await eventually("a moment later") {
                Deadline.after(SendMessage.timeout).millisecondsSinceEpoch > latest ? () : nil
            }
            mayAnswer.send()
            for key in ["1", "2"] { #expect(try await client.nextText().ref == key) }
            #expect(deadlines.count == 2 && deadlines.all.allSatisfy { $0 <= latest })
        }
    }

    @Test("requests beyond the limit in flight are refused, with their ref")
    func requests() async throws {
        var limits = GatewayLimits()
        limits.requests = 2
        try await TestGateway.with(limits: limits) { gateway in
            let client = try await gateway.client(1)
            let mayAnswer = OneShotSignal<Void>()
            gateway.bus.answer(SendMessage.self) { request in
                await mayAnswer.value
                return .init(message: Self.message(request, seq: 1), repeated: false)
            }
            for key in ["a", "b", "c"] { await client.sendText(send(key)) }
            let refused = try await client.nextText()
            #expect(refused.ref == "c" && refused.code == "tooManyRequests")
            mayAnswer.send()
            let refs = [try await client.nextText().ref, try await client.nextText().ref]
            #expect(Set(refs) == ["a", "b"])
            await client.sendText(send("d"))
            #expect(try await client.nextText().type == "ack")
        }
    }

    @Test("a client that resumes gets every missed frame; another session cannot resume its connection")
    func resume() async throws {
        try await TestGateway.with { gateway in
            let client = try await gateway.arrival(1)
            let id = try #require(try await client.nextText().connectionId)
            await gateway.show([1], to: [1])
            #expect(try await client.nextText().n == 1)
            await client.send(RawClient.frame(8))
            _ = try await client.readToClose()
            await gateway.show([2, 3], to: [1])
            let stranger = try await gateway.arrival(1, session: 2, resume: "\(id).1")
            #expect(try await stranger.nextText().resumed == false)
            let back = try await gateway.arrival(1, resume: "\(id).1")
            let hello = try await back.nextText()
            #expect(hello.resumed == true && hello.connectionId == id)
            for n in [2, 3] as [Int64] {
                #expect(try await back.nextText() == RawClient.TextFrame(type: "message", n: n, seq: n))
            }
            // A number beyond the last frame cannot be resumed.
            #expect(try await gateway.arrival(1, resume: "\(id).9").nextText().resumed == false)
        }
    }

    @Test("a session can be resumed for a minute, and not once its buffer has overflowed")
    func forgotten() async throws {
        try await TestGateway.with { gateway in
            let (one, two) = (try await gateway.arrival(1), try await gateway.arrival(2))
            let ids = [try await one.nextText().connectionId, try await two.nextText().connectionId].compactMap(\.self)
            let start = ContinuousClock.now
            for client in [one, two] {
                await client.send(RawClient.frame(8))
                _ = try await client.readToClose()
            }
            try await eventually("both gone") { await gateway.connections == 0 ? () : nil }
            await gateway.show(Array(1...9), to: [1], padding: 8_000)
            #expect(await gateway.lines == 1)
            #expect(try await gateway.arrival(1, resume: "\(ids[0]).0").nextText().resumed == false)
            await gateway.actor.tick(now: start + .seconds(59))
            #expect(try await gateway.arrival(2, resume: "\(ids[1]).0").nextText().resumed == true)
            try await eventually("both gone again") { await gateway.connections == 0 ? () : nil }
            await gateway.actor.tick(now: .now + .seconds(61))
            #expect(try await gateway.arrival(2, resume: "\(ids[1]).0").nextText().resumed == false)
            #expect(await gateway.actor.state.replayBytes == 0)
        }
    }
}
