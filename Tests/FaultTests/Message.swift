import StackTesting
import TestSupport

/// A message as acknowledged, or as stored.
struct Message: Hashable, Sendable {
    let chat: String
    let seq: Int
    let id: String
    /// Its `clientMessageId`, which no two in these tests share.
    let key: String
}

/// What is stored in chats, read page after page.
struct Stored: Sendable {
    private(set) var messages: [Message] = []
    /// What is not as promised, within the chats themselves.
    private(set) var complaints: [String] = []

    /// - Parameter api: whom to ask.
    init(of chats: [Conversation.Chat], over api: API) async throws {
        for chat in chats {
            var owner = try await Person.logIn(chat.owner.username, api: api)
            owner.api = api
            let found = try await Self.history(of: chat.id, as: owner)
            if found.map(\.seq) != Array(1..<(found.count + 1)) { complaints.append("seq of \(chat.id) is not 1, 2, 3, …") }
            messages += found
        }
        complaints += Self.doubles(messages.map(\.id), "id") + Self.doubles(messages.map(\.key), "key")
    }

    /// What was acknowledged and is not there, or there as something else.
    func lost(of acknowledged: Set<Message>) -> Set<Message> { acknowledged.subtracting(messages) }

    static func doubles(_ values: [String], _ what: String) -> [String] {
        Dictionary(grouping: values) { $0 }.filter { $0.value.count > 1 }.map {
            "\(what) \($0.key) comes \($0.value.count) times"
        }
    }

    private static func history(of chat: String, as reader: Person) async throws -> [Message] {
        var messages: [Message] = []
        while true {
            let page = try await reader.get("/v1/chats/\(chat)/messages?after=\(messages.last?.seq ?? 0)&limit=100")
            try page.must(200)
            if page.items.isEmpty { return messages }
            messages += page.items.map { item in
                func text(_ key: String) -> String { item[key] as? String ?? "" }
                return Message(
                    chat: text("chatId"), seq: item["seq"] as? Int ?? 0, id: text("id"), key: text("clientMessageId"))
            }
        }
    }
}
