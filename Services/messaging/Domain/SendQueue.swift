import Contracts

/// Keeps what one connection sends to a chat in the order in which it was said: one leaves when the one before has ended, since those that are under way
/// together may be worked on by several processes.
struct SendQueue: Sendable {
    /// A send, and when its client is to have an answer: its time runs from when it was said, so that those that wait for a slow one do not add up.
    struct Due: Sendable {
        let send: SendFrame
        let deadline: Timestamp
    }

    private var waiting: [ChatID: [Due]] = [:]

    /// - Returns: whether it leaves at once; otherwise ``ended(in:)`` gives it back.
    mutating func mayLeave(_ due: Due) -> Bool {
        if waiting[due.send.chatID]?.append(due) != nil { return false }
        waiting[due.send.chatID] = []
        return true
    }

    /// The one that had left has ended.
    ///
    /// - Returns: the next.
    mutating func ended(in chat: ChatID) -> Due? {
        guard waiting[chat]?.isEmpty == false else {
            waiting[chat] = nil
            return nil
        }
        return waiting[chat]?.removeFirst()
    }
}
