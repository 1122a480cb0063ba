import BusTesting
import Contracts
import Edge
import TestSupport
import Testing

@testable import Messaging

@Suite("Without current revocations", .timeLimit(.minutes(1))) struct RevocationNewsTests {
    private static let send = #"{"type":"send","ref":"m","chatId":"7","clientMessageId":"c","text":"x"}"#

    @Test("after ten seconds nothing is delivered and requests are refused; once revocations are current again, clients get gap")
    func silence() async throws {
        let time = SteppedTime()
        try await TestGateway.with(now: { time.now }) { gateway in
            let client = try await gateway.client(1)
            gateway.revocations.lost()
            time.advance(by: Revocations.patience)
            await gateway.show([1], to: [1])
            #expect(try await client.nextText().seq == 1)
            time.advance(by: .milliseconds(1))
            await gateway.show([2], to: [1])
            for request in [Self.send, #"{"type":"read","chatId":"7","seq":1}"#, #"{"type":"typing","chatId":"7"}"#] {
                await client.sendText(request)
                let answer = try await client.nextText()
                #expect(answer.type == "error" && answer.code == "unavailable", "\(request)")
            }
            await client.sendText(#"{"type":"delivered","chatId":"7","seq":1}"#)
            #expect(try await client.nextText().code == "unavailable")
            #expect(gateway.bus.asked(SendMessage.self).isEmpty && gateway.bus.asked(MarkRead.self).isEmpty)
            #expect(gateway.bus.asked(ShowTyping.self).isEmpty)
            gateway.revocations.caughtUp(losses: gateway.revocations.losses)
            await gateway.actor.tick(now: .now)
            #expect(try await client.nextText() == RawClient.TextFrame(type: "gap", n: 6))
        }
    }

    @Test("half a minute later all clients are disconnected with 1001, also new ones")
    func tooLong() async throws {
        let time = SteppedTime()
        try await TestGateway.with(now: { time.now }) { gateway in
            let client = try await gateway.client(1)
            gateway.revocations.lost()
            time.advance(by: .seconds(11))
            await gateway.actor.tick(now: .now)
            await gateway.actor.tick(now: .now + .seconds(31))
            for client in [client, try await gateway.arrival(2)] {
                let (texts, code) = try await client.readToClose()
                #expect(texts.map(\.reason) == ["shutdown"] && code == 1_001)
            }
        }
    }

    @Test(
        "a process that was suspended for longer than the revocation history disconnects all clients"
    )
    func stopped() async throws {
        try await TestGateway.with { gateway in
            let client = try await gateway.client(1)
            await gateway.actor.tick(now: .now)
            await gateway.assign(TestGateway.everything, epoch: 1, lease: .seconds(2_000))
            await gateway.actor.tick(now: .now + AccessToken.lifetime + .seconds(1))
            let (texts, code) = try await client.readToClose()
            #expect(texts.map(\.reason) == ["shutdown"] && code == 1_001)
        }
    }
}
