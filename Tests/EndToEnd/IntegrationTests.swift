import Foundation
import StackTesting
import TestSupport
import Testing

@Suite("Integrations", .timeLimit(.minutes(15))) struct IntegrationTests {
    @Test("an external consumer receives every message of each chat")
    func consumer() async throws {
        let name = TestStack.uniqueName("pika")
        let made = try await stack("integration", name, "--patterns", "chats.message.#")
        let address = try #require(made.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("amqp://") })
        let (ada, grace) = (try await Person.new("ada"), try await Person.new("grace"))
        let chat = try await ada.chat(with: grace)
        try await withThrowingTaskGroup { group in
            for index in 0..<50 {
                group.addTask {
                    let status = try await ada.sendMessage("event \(index)", in: chat).status
                    #expect(status == 201)
                }
            }
            try await group.waitForAll()
        }
        let printed = try await Subprocess.run(
            "/usr/bin/python3", [Subprocess.script("consume.py"), String(address), "integration.\(name)", chat, "50"])
        let messages = try printed.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(Set(messages.compactMap { $0["seq"] as? Int }) == Set(1...50))
        #expect(Set(messages.compactMap { $0["text"] as? String }) == Set((0..<50).map { "event \($0)" }))
        #expect(messages.allSatisfy { $0["senderId"] as? String == ada.id && $0["chatId"] as? String == chat })
        _ = try await stack("integration", name, "--remove")
    }

    @Test("the integration's user can read its queue and has no other rights")
    func rights() async throws {
        let name = TestStack.uniqueName("narrow")
        let made = try await stack("integration", name, "--patterns", "users.#")
        let address = try #require(made.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("amqp://") })
        let refused = try await Subprocess.run(
            "/usr/bin/python3", [Subprocess.script("forbidden.py"), String(address), "chats.rpc"])
        #expect(refused.split(separator: "\n") == ["consume: 403", "publish: 403", "default: 403", "declare: 403", "bind: 403"])
        _ = try await stack("integration", name, "--remove")
    }

    private func stack(_ arguments: String...) async throws -> String {
        try await Subprocess.run(TestStack.value("STACK_SCRIPT"), [TestStack.value("STACK_DIRECTORY")] + arguments)
    }
}
