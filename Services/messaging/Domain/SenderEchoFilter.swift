import Contracts

/// The messages that a connection has sent itself and has not been shown: it gets their `ack`, and its user's other devices the message. Bounded: of the
/// oldest it may be shown the message too, which clients know by its `seq`.
struct SenderEchoFilter: Sendable {
    struct Key: Hashable, Sendable {
        let chatID: ChatID
        let clientMessageID: ClientMessageID
    }

    static let capacity = 256
    private var keys: [Key] = []

    mutating func insert(_ key: Key) {
        if keys.count >= Self.capacity { keys.removeFirst() }
        keys.append(key)
    }

    /// - Returns: whether it was there.
    @discardableResult
    mutating func remove(_ key: Key) -> Bool {
        guard let index = keys.firstIndex(of: key) else { return false }
        keys.remove(at: index)
        return true
    }
}
