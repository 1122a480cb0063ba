import Contracts

/// A message that somebody wants to send, right by itself; whether it may be sent is for ``SendBatch``.
struct Draft: Hashable, Sendable {
    /// What makes a send the same send, for ever.
    struct Key: Hashable, Sendable {
        let chatID: ChatID
        let senderID: UserID
        let clientMessageID: ClientMessageID
    }

    let key: Key
    let text: String
    let replyTo: Int64?
    /// Of text and `replyTo`, as asked for.
    let hash: RequestHash

    /// - Throws: `invalid` with all fields that are against the limits.
    init(_ request: SendMessage, hash: (SendMessage) -> RequestHash) throws(ServiceError) {
        var errors = ValidationErrors()
        errors.check("text", try request.text.validated(length: ChatLimits.text))
        errors.check(
            "clientMessageId", try request.clientMessageID.rawValue.validated(length: ChatLimits.clientMessageID))
        if let replyTo = request.replyTo, replyTo < 1 { errors.add("replyTo", "must be the seq of a message") }
        try errors.throwIfAny()
        key = Key(chatID: request.chatID, senderID: request.senderID, clientMessageID: request.clientMessageID)
        text = request.text
        replyTo = request.replyTo
        self.hash = hash(request)
    }
}

/// A digest of what was asked for: tells a repeat from another request under the same key, whatever became of the first since.
struct RequestHash: Hashable, Sendable {
    let bytes: [UInt8]
}
