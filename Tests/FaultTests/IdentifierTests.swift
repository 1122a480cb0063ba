import Foundation
import StackTesting
import TestSupport
import Testing

extension Faults {
    @Suite("Ids and keys", .timeLimit(.minutes(15))) struct IdentifierTests {
        @Test("no id twice, nothing acknowledged lost: idgen killed, stopped past its lease and woken; chats killed")
        func neverTwice() async throws {
            let conversation = try await Conversation(over: apis)
            try await conversation.during { try await disturb(try stack, conversation) }
            let stored = try await Stored(of: conversation.chats, over: apis[0])
            #expect(stored.complaints == [])
            #expect(stored.lost(of: conversation.acknowledged) == [])
            #expect(conversation.acknowledged.count > 50)
        }

        /// Each disturbance is followed by proof that work goes on.
        private func disturb(_ stack: OwnStack, _ conversation: Conversation) async throws {
            try await conversation.goesOn()
            for name in ["idgen", "idgen-2", "chats", "idgen", "chats-2"] {
                try await stack.signal(name, SIGKILL)
                try await conversation.goesOn()
            }
            try await stack.ready("idgen")
            try await stack.signal("idgen", SIGSTOP)
            // Work goes on through the other instance, while the stopped one's lease of three seconds runs out.
            let over = ContinuousClock.now + .seconds(4)
            _ = try await eventually("the end of the lease") { ContinuousClock.now > over ? true : nil }
            try await conversation.goesOn()
            try await stack.signal("idgen", SIGCONT)
            for _ in 0..<3 { try await conversation.goesOn() }
            for name in ["idgen", "chats"] { for instance in 1...2 { try await stack.ready(name, instance) } }
        }

        @Test("the same keys sent from twenty tasks, through two bff and two chats processes, make one message each")
        func sameKey() async throws {
            let (ada, grace) = (try await Person.new("ada", api: apis[0]), try await Person.new("grace", api: apis[0]))
            let chat = try await ada.chat(with: grace)
            for instance in 1...2 { try await stack.ready("chats", instance) }
            let before = try await stack.sends()
            for round in 1...10 {
                let answers = try await twenty("key \(round)", as: ada, in: chat, over: apis)
                #expect(answers.filter { $0.status == 201 }.count == 1)
                #expect(answers.filter { $0.status == 200 }.count == 19)
                #expect(Set(answers.map { "\($0.number("seq")) \($0.text("id"))" }).count == 1)
                #expect(answers.first?.number("seq") == round)
            }
            // Both chats processes took part.
            #expect(zip(try await stack.sends(), before).allSatisfy { $0 > $1 + 20 })
        }

        private func twenty(_ key: String, as sender: Person, in chat: String, over apis: [API]) async throws -> [API.Answer] {
            try await withThrowingTaskGroup { group in
                for task in 0..<20 {
                    group.addTask {
                        var sender = sender
                        sender.api = apis[task % apis.count]
                        return try await sender.say("once", in: chat, key: key)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
    }
}
