import StackTesting
import TestSupport
import Testing

extension Faults {
    @Suite("An integration that never reads", .timeLimit(.minutes(15))) struct SlowIntegrationTests {
        @Test("its queue drops the oldest beyond its bound; sends and other integrations go on")
        func neverReads() async throws {
            let world = try await World()
            let bound = 100_000
            let idle = try await Integration("idle", on: try stack, bytes: bound)
            let busy = try await Integration("busy", on: try stack)
            var sent: [Message] = []
            for turn in 0..<250 {
                let answer = try await world.say(String(repeating: "x", count: 1_000), turn: turn)
                try answer.must(201)
                sent.append(
                    Message(
                        chat: world.chat, seq: answer.number("seq"), id: answer.text("id"), key: answer.text("clientMessageId")))
            }
            let arrivals = try await busy.take(sent)
            #expect(arrivals.missing == 0)
            // Each event is one message of more than a thousand bytes.
            let waiting = try await eventually("the broker to count") {
                let count = try await idle.waiting()
                return count > 20 ? count : nil
            }
            #expect(waiting < bound / 1_000)
            // The newest are there; the oldest are not.
            let kept = try await idle.take(sent.suffix(20))
            #expect(kept.missing == 0)
            #expect(kept.arrived < bound / 1_000)
            try await idle.remove()
            try await busy.remove()
        }
    }
}
