import Foundation
import StackTesting
import TestSupport
import Testing

extension Faults {
    @Suite("Ids and keys", .timeLimit(.minutes(15))) struct IdentifierTests {
        @Test("no id is issued twice and no message is lost when idgen and chats are killed or stopped")
        func neverTwice() async throws {
            let conversation = try await Conversation(over: apis)
            try await conversation.during { try await disturb(try stack, conversation) }
            let stored = try await StoredHistory(of: conversation.chats, over: apis[0])
            #expect(stored.violations == [])
            #expect(stored.lost(of: conversation.acknowledged) == [])
            #expect(conversation.acknowledged.count > 50)
        }

        /// Kills and stops processes, and waits for progress after each.
        private func disturb(_ stack: OwnStack, _ conversation: Conversation) async throws {
            try await conversation.waitForProgress()
            for name in ["idgen", "idgen-2", "chats", "idgen", "chats-2"] {
                try await stack.signal(name, SIGKILL)
                try await conversation.waitForProgress()
            }
            try await stack.ready("idgen")
            try await stack.signal("idgen", SIGSTOP)
            // The other instance continues while the stopped one's lease of three seconds expires.
            let over = ContinuousClock.now + .seconds(4)
            _ = try await eventually("the end of the lease") { ContinuousClock.now > over ? true : nil }
            try await conversation.waitForProgress()
            try await stack.signal("idgen", SIGCONT)
            for _ in 0..<3 { try await conversation.waitForProgress() }
            for name in ["idgen", "chats"] { for instance in 1...2 { try await stack.ready(name, instance) } }
        }

        @Test("twenty concurrent sends with one key, over two bff and two chats instances, create one message")
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
            // Both chats instances took part.
            #expect(zip(try await stack.sends(), before).allSatisfy { $0 > $1 + 20 })
        }

        private func twenty(_ key: String, as sender: Person, in chat: String, over apis: [API]) async throws -> [API.Response] {
            try await withThrowingTaskGroup { group in
                for task in 0..<20 {
                    group.addTask {
                        var sender = sender
                        sender.api = apis[task % apis.count]
                        return try await sender.sendMessage("once", in: chat, key: key)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
    }
}
