import Contracts

/// The identity of a send: a repeat with the same key returns the first answer, without a time limit.
struct SendKey: Hashable, Sendable {
    let chatID: ChatID
    let senderID: UserID
    let clientMessageID: ClientMessageID
}

/// A send whose own fields are valid. ``SendBatch`` decides whether it is permitted.
struct Draft: Hashable, Sendable {
    let key: SendKey
    let text: String
    let replyTo: Int64?
    /// The hash of the requested text and `replyTo`.
    let hash: RequestHash

    /// - Throws: `invalid` with every field that violates a limit.
    init(_ request: SendMessage, hash: (SendMessage) -> RequestHash) throws(ServiceError) {
        var errors = ValidationErrors()
        errors.check("text", try request.text.validated(length: ChatLimits.text))
        errors.check(
            "clientMessageId", try request.clientMessageID.rawValue.validated(length: ChatLimits.clientMessageID))
        if let replyTo = request.replyTo, replyTo < 1 { errors.add("replyTo", "must be the seq of a message") }
        try errors.throwIfAny()
        key = SendKey(chatID: request.chatID, senderID: request.senderID, clientMessageID: request.clientMessageID)
        text = request.text
        replyTo = request.replyTo
        self.hash = hash(request)
    }
}

/// A digest of a request's content. Distinguishes a repeat from a different request under the same key, even
/// after the stored message has changed.
struct RequestHash: Hashable, Sendable {
    let bytes: [UInt8]
}
