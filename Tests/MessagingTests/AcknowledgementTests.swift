import Testing

@testable import Messaging

@Suite("Acknowledgements by pong", .timeLimit(.minutes(1))) struct AcknowledgementTests {
    @Test(
        "a pong that acknowledges an impossible frame is ignored, and the instance continues to serve",
        arguments: [
            [0x80, 0, 0, 0, 0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            [0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [], [1, 2, 3],
        ] as [[UInt8]])
    func impossible(payload: [UInt8]) async throws {
        let time = SteppedTime()
        var limits = GatewayLimits()
        limits.replay = 100
        try await TestGateway.with(limits: limits, now: { time.now }) { gateway in
            let client = try await gateway.client(1)
            // More than the buffer keeps, so that its first frames are dropped.
            for seq in 1...5 as ClosedRange<Int64> {
                await gateway.show([seq], to: [1])
                #expect(try await client.nextText().seq == seq)
            }
            for _ in 0..<3 {
                await client.send(RawClient.frame(10, payload))
                await client.sendText(#"{"type":"ping"}"#)
                #expect(try await client.nextText().type == "pong")
                time.advance(by: .seconds(61))
            }
            await gateway.show([6], to: [1])
            #expect(try await client.nextText().seq == 6)
        }
    }
}
