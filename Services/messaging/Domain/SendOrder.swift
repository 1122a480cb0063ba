import Contracts

/// Keeps what one connection sends to a chat in the order in which it was said: one leaves when the one before has ended, since those that are under way
/// together may be worked on by several processes.
struct SendOrder: Sendable {
    private var waiting: [ChatID: [SendFrame]] = [:]

    /// - Returns: whether it leaves at once; otherwise ``ended(in:)`` gives it back.
    mutating func mayLeave(_ send: SendFrame) -> Bool {
        if waiting[send.chatID]?.append(send) != nil { return false }
        waiting[send.chatID] = []
        return true
    }

    /// The one that had left has ended.
    ///
    /// - Returns: the next.
    mutating func ended(in chat: ChatID) -> SendFrame? {
        guard waiting[chat]?.isEmpty == false else {
            waiting[chat] = nil
            return nil
        }
        return waiting[chat]?.removeFirst()
    }
}
