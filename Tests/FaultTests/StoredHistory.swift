import StackTesting
import TestSupport

/// A message as acknowledged or stored.
struct Message: Hashable, Sendable {
    let chat: String
    let seq: Int
    let id: String
    /// The `clientMessageId`, unique in these tests.
    let key: String
}

/// The stored messages of several chats.
struct StoredHistory: Sendable {
    private(set) var messages: [Message] = []
    /// Violations of the guarantees within the chats.
    private(set) var violations: [String] = []

    /// - Parameter api: the bff instance to read from.
    init(of chats: [Conversation.Chat], over api: API) async throws {
        for chat in chats {
            var owner = try await Person.logIn(chat.owner.username, api: api)
            owner.api = api
            let found = try await Self.history(of: chat.id, as: owner)
            if found.map(\.seq) != Array(1..<(found.count + 1)) { violations.append("seq of \(chat.id) is not 1, 2, 3, …") }
            messages += found
        }
        violations += Self.duplicates(messages.map(\.id), "id") + Self.duplicates(messages.map(\.key), "key")
    }

    /// Returns the acknowledged messages that are missing or stored differently.
    func lost(of acknowledged: Set<Message>) -> Set<Message> { acknowledged.subtracting(messages) }

    static func duplicates(_ values: [String], _ what: String) -> [String] {
        Dictionary(grouping: values) { $0 }.filter { $0.value.count > 1 }.map {
            "\(what) \($0.key) occurs \($0.value.count) times"
        }
    }

    private static func history(of chat: String, as reader: Person) async throws -> [Message] {
        var messages: [Message] = []
        while true {
            let page = try await reader.get("/v1/chats/\(chat)/messages?after=\(messages.last?.seq ?? 0)&limit=100")
            try page.expectStatus(200)
            if page.items.isEmpty { return messages }
            messages += page.items.map { item in
                func text(_ key: String) -> String { item[key] as? String ?? "" }
                return Message(
                    chat: text("chatId"), seq: item["seq"] as? Int ?? 0, id: text("id"), key: text("clientMessageId"))
            }
        }
    }
}
