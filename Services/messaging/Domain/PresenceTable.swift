import Contracts

/// Who is there: users with a socket, and those who had one a moment ago and are about to come back. Pure.
struct PresenceTable: Sendable {
    /// For which nobody is told that somebody is gone: as long as a blink of the network takes.
    static let grace = Duration.seconds(3)

    private struct Present: Sendable {
        /// When the last socket was lost; `nil` while there is one.
        var leftAt: ContinuousClock.Instant?
        var sessionID: SessionID
    }

    private var present: [UserID: Present] = [:]

    func isOnline(_ user: UserID) -> Bool { present[user] != nil }

    /// - Returns: whether that is news.
    mutating func came(_ user: UserID, _ session: SessionID) -> Bool {
        present.updateValue(Present(leftAt: nil, sessionID: session), forKey: user) == nil
    }

    /// The last socket of the user was lost.
    mutating func left(_ user: UserID, at now: ContinuousClock.Instant) { present[user]?.leftAt = now }

    /// Likewise, and they are about to come back elsewhere.
    mutating func moved(_ user: UserID) -> Bool { present.removeValue(forKey: user) != nil }

    /// Those who have not come back in time, once.
    mutating func gone(now: ContinuousClock.Instant) -> [(user: UserID, session: SessionID)] {
        let gone = present.filter { $0.value.leftAt.map { now - $0 >= Self.grace } ?? false }
        for user in gone.keys { present[user] = nil }
        return gone.map { ($0.key, $0.value.sessionID) }
    }

    /// Everybody, when the process ends.
    mutating func all() -> [(user: UserID, session: SessionID)] {
        defer { present = [:] }
        return present.map { ($0.key, $0.value.sessionID) }
    }
}
