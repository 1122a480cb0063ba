import Contracts

/// Who was shown to write in which chat lately: clients say it with every key. Bounded; a forgotten one is told once more.
struct TypingThrottle: Sendable {
    private struct Key: Hashable {
        let user: UserID
        let chat: ChatID
    }

    private static let capacity = 10_000
    private var told: [Key: ContinuousClock.Instant] = [:]

    /// - Returns: whether it is time to tell it again.
    mutating func isDue(_ user: UserID, in chat: ChatID, every interval: Duration, now: ContinuousClock.Instant) -> Bool {
        let key = Key(user: user, chat: chat)
        if let last = told[key], now - last < interval { return false }
        if told.count >= Self.capacity { told = told.filter { now - $0.value < interval } }
        if told.count >= Self.capacity { told = [:] }
        told[key] = now
        return true
    }
}
