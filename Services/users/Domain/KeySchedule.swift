import Contracts

/// The life of signing keys: publish, sign, retire.
///
/// A key is published at once and signs only after ``lead``, so that every edge has the key before the first
/// token signed with it. Its predecessor stays published until the last token signed with it has expired. The
/// first key of a deployment signs at once: there is no older one.
struct KeySchedule: Sendable {
    /// The times of one signing key.
    struct Entry: Equatable, Sendable {
        let id: String
        let createdAt: Timestamp
        let signsFrom: Timestamp
    }

    /// The age at which a key gets a successor.
    var period: Duration = .seconds(30 * 86_400)
    /// Longer than the lifetime of an access token.
    var lead: Duration = .seconds(20 * 60)
    var tokenLifetime: Duration = AccessToken.lifetime
    /// The largest clock skew between instances and edges, and the largest age of an instance's copy of the
    /// keys.
    var slack: Duration = .seconds(5 * 60)

    /// Returns the key to sign with: the youngest that may sign.
    func signing(_ keys: [Entry], at now: Timestamp) -> Entry? {
        keys.filter { $0.signsFrom <= now }.max { ($0.signsFrom, $0.id) < ($1.signsFrom, $1.id) }
    }

    /// Returns the keys that verify, oldest first: all but those whose last token has expired.
    func published(_ keys: [Entry], at now: Timestamp) -> [Entry] {
        let ordered = keys.sorted { ($0.signsFrom, $0.id) < ($1.signsFrom, $1.id) }
        return ordered.enumerated().filter { index, _ in
            let successor = ordered.dropFirst(index + 1).first
            return successor.map { now < $0.signsFrom + tokenLifetime + slack } ?? true
        }.map(\.element)
    }

    /// Returns the time from which a key created now would sign; `nil` when no key is due.
    ///
    /// - Parameter forced: a key is due at any age of the youngest, unless the youngest does not sign yet.
    func next(after keys: [Entry], at now: Timestamp, forced: Bool = false) -> Timestamp? {
        // An instance whose clock is behind signs with the first key too.
        guard let youngest = keys.max(by: { $0.signsFrom < $1.signsFrom }) else { return now - slack }
        guard youngest.signsFrom <= now, forced || youngest.createdAt + period <= now else { return nil }
        return now + lead
    }
}
