import Contracts
import Testing

@testable import Chats

@Suite("Draft") struct DraftTests {
    func draft(_ text: String, key: String = "k", replyTo: Int64? = nil) throws(ServiceError) -> Draft {
        try Draft(
            SendMessage(
                senderID: UserID(rawValue: 1), chatID: ChatID(rawValue: 2), clientMessageID: ClientMessageID(rawValue: key),
                text: text,
                replyTo: replyTo)
        ) { _ in RequestHash(bytes: []) }
    }

    @Test("every text within the limits is accepted; lengths count Unicode scalars", arguments: ["a", " ", "\u{1}", "👩‍👩‍👧‍👦"])
    func takes(text: String) throws {
        #expect(try draft(text).text == text)
        #expect(try draft(String(repeating: "𝄞", count: 8_000)).text.unicodeScalars.count == 8_000)
        #expect(try draft("a", key: String(repeating: "𝄞", count: 64), replyTo: 1).replyTo == 1)
    }

    @Test(
        "refusals name the invalid fields",
        arguments: [
            ("", "k", nil, ["text"]),
            ("a\0b", "k", nil, ["text"]),
            (String(repeating: "a", count: 8_001), "k", nil, ["text"]),
            (String(repeating: "𝄞", count: 8_001), "k", nil, ["text"]),
            ("a", "", nil, ["clientMessageId"]),
            ("a", "\0", nil, ["clientMessageId"]),
            ("a", String(repeating: "k", count: 65), nil, ["clientMessageId"]),
            ("a", "k", 0, ["replyTo"]),
            ("", "", -1, ["text", "clientMessageId", "replyTo"]),
        ] as [(String, String, Int64?, [String])])
    func refuses(text: String, key: String, replyTo: Int64?, fields: [String]) throws {
        let error = #expect(throws: ServiceError.self) { try draft(text, key: key, replyTo: replyTo) }
        #expect(error?.code == .invalid)
        #expect(error?.fields.map(\.field) == fields)
        #expect(error?.mayHaveHappened == false)
    }
}
