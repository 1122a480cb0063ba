import Contracts

@testable import Chats

extension Timestamp {
    init(_ milliseconds: Int64) { self.init(millisecondsSinceEpoch: milliseconds) }
}

extension Draft {
    /// The hash stands for the content: equal content has an equal hash.
    static func sample(
        in chat: ChatID, from sender: UserID, _ key: String, _ text: String = "hi", replyTo: Int64? = nil
    ) -> Draft {
        let request = SendMessage(
            senderID: sender, chatID: chat, clientMessageID: ClientMessageID(rawValue: key), text: text, replyTo: replyTo)
        do {
            return try Draft(request) { RequestHash(bytes: Array("\($0.text) \($0.replyTo ?? 0)".utf8)) }
        } catch {
            preconditionFailure("a sample within the limits")
        }
    }
}

extension Message {
    static func sample(
        in chat: ChatID = ChatID(rawValue: 7), seq: Int64, from sender: UserID = UserID(rawValue: 1), text: String = "hi"
    )
        -> Message
    {
        Message(
            id: MessageID(rawValue: seq + 1_000), chatID: chat, seq: seq, rev: seq + 1, senderID: sender,
            clientMessageID: ClientMessageID(rawValue: "k\(seq)"), text: text, sentAt: Timestamp(10 * seq))
    }
}

extension SendBatch.Outcome {
    var message: Message? {
        switch self {
        case .stored(let message), .repeated(let message): message
        case .refused: nil
        }
    }

    var storedMessage: Message? { if case .stored(let message) = self { message } else { nil } }
    var error: ServiceError? { if case .refused(let error) = self { error } else { nil } }
    var refusal: ServiceError.Code? { error?.code }
    var field: String? { error?.fields.first?.field }
}
