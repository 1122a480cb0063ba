import StackTesting
import TestSupport
import Testing

extension Faults {
    @Suite("An integration that never reads", .timeLimit(.minutes(15))) struct SlowIntegrationTests {
        @Test("a full queue drops its oldest events; sends and other integrations continue")
        func neverReads() async throws {
            let world = try await World()
            let bound = 100_000
            let idle = try await Integration("idle", on: try stack, bytes: bound)
            let busy = try await Integration("busy", on: try stack)
            var sent: [Message] = []
            for turn in 0..<250 {
                let answer = try await world.sendMessage(String(repeating: "x", count: 1_000), turn: turn)
                try answer.expectStatus(201)
                sent.append(
                    Message(
                        chat: world.chat, seq: answer.number("seq"), id: answer.text("id"), key: answer.text("clientMessageId")))
            }
            let arrivals = try await busy.receive(sent)
            #expect(arrivals.missing == 0)
            // Each event is a message of more than 1,000 bytes.
            let waiting = try await eventually("the broker's count") {
                let count = try await idle.waiting()
                return count > 20 ? count : nil
            }
            #expect(waiting < bound / 1_000)
            // The newest events are in the queue; the oldest are not.
            let retained = try await idle.receive(sent.suffix(20))
            #expect(retained.missing == 0)
            #expect(retained.arrived < bound / 1_000)
            try await idle.remove()
            try await busy.remove()
        }
    }
}
