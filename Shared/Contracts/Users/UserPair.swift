/// Two different users in the order of their ids, so that a pair is the same value from both sides.
package struct UserPair: Hashable, Sendable {
    package let low: UserID
    package let high: UserID

    /// - Returns: `nil` for a user and themselves.
    package init?(_ one: UserID, _ other: UserID) {
        guard one != other else { return nil }
        low = min(one, other)
        high = max(one, other)
    }

    package func other(than user: UserID) -> UserID { user == low ? high : low }
}
