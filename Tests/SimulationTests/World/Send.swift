import Contracts

@testable import Chats

/// One message that somebody wants to send: repeated under its key until it is answered with success, and what was ever answered.
struct Send {
    let request: SendMessage
    let begunAt: Int64
    var tries = 0
    private(set) var answer: Message?
    private(set) var lastError: ServiceError?
    private var hasFirst = false

    init(_ request: SendMessage, at time: Int64) { (self.request, begunAt) = (request, time) }

    var key: SendKey {
        SendKey(chatID: request.chatID, senderID: request.senderID, clientMessageID: request.clientMessageID)
    }

    /// - Returns: the promise that this answer breaks.
    mutating func succeeded(_ response: SendMessage.Response, stored: Message?) -> String? {
        let message = response.message
        defer { answer = answer ?? message }
        if let answer, answer != message { return "one key, two answers: seq \(answer.seq) and \(message.seq)" }
        if stored != message { return "acknowledged, and not stored so: seq \(message.seq)" }
        if message.text != request.text { return "somebody else's answer" }
        if !response.repeated {
            if hasFirst { return "two answers say that they are the first" }
            hasFirst = true
        }
        return nil
    }

    /// - Parameter isRepeat: the try that failed was begun after another had been acknowledged; what was under way may be refused for what was true then.
    mutating func failed(_ error: ServiceError, isDirect: Bool, isRepeat: Bool) -> String? {
        lastError = error
        if [.invalid, .notFound, .internal, .unimplemented].contains(error.code) { return "a good send is answered \(error)" }
        if error.code == .denied, !isDirect { return "denied in a group" }
        if error.code == .denied, isRepeat { return "an acknowledged send is denied" }
        return nil
    }
}
