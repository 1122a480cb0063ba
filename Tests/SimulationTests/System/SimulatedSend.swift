import Contracts

@testable import Chats

/// A message of a person, repeated under its key until it is acknowledged, and the answers to it.
struct SimulatedSend {
    let request: SendMessage
    let begunAt: Int64
    var tries = 0
    private(set) var answer: Message?
    private(set) var lastError: ServiceError?
    private var hasFirst = false

    init(_ request: SendMessage, at time: Int64) {
        self.request = request
        begunAt = time
    }

    var key: SendKey {
        SendKey(chatID: request.chatID, senderID: request.senderID, clientMessageID: request.clientMessageID)
    }

    /// - Returns: the promise that this answer breaks; `nil` for none.
    mutating func succeeded(_ response: SendMessage.Response, stored: Message?) -> String? {
        let message = response.message
        defer { answer = answer ?? message }
        if let answer, answer != message { return "one key, two answers: seq \(answer.seq) and \(message.seq)" }
        if stored != message { return "acknowledged, but stored differently: seq \(message.seq)" }
        if message.text != request.text { return "the answer to another send" }
        if !response.repeated {
            if hasFirst { return "two answers claim to be the first" }
            hasFirst = true
        }
        return nil
    }

    /// - Parameter isRepeat: whether the failed attempt began after another one was acknowledged. An earlier
    ///   attempt may be refused because of the state at its time.
    /// - Returns: the promise that this error breaks; `nil` for none.
    mutating func failed(_ error: ServiceError, isDirect: Bool, isRepeat: Bool) -> String? {
        lastError = error
        if [.invalid, .notFound, .internal, .unimplemented].contains(error.code) {
            return "a valid send is answered with \(error)"
        }
        if error.code == .denied, !isDirect { return "denied in a group" }
        if error.code == .denied, isRepeat { return "an acknowledged send is denied" }
        return nil
    }
}
