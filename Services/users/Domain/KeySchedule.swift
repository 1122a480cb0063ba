import Contracts

/// When signing keys come, sign and go.
///
/// A key is published at once and signs only `lead` later, so that every edge has it before it meets a token of it. The key before goes on being published
/// until the last token that it signed has expired. The first key of all signs at once: nobody has an older one to trust.
struct KeySchedule: Sendable {
    /// Of a signing key, what the schedule needs to know.
    struct Entry: Equatable, Sendable {
        let id: String
        let createdAt: Timestamp
        let signsFrom: Timestamp
    }

    /// A key of this age gets a successor.
    var period: Duration = .seconds(30 * 86_400)
    /// Longer than an access token lives.
    var lead: Duration = .seconds(20 * 60)
    var tokenLifetime: Duration = AccessToken.lifetime
    /// How far clocks of instances and edges may disagree, and how old an instance's copy of the keys may be.
    var slack: Duration = .seconds(5 * 60)

    /// The key to sign with: the youngest whose time has come.
    func signing(_ keys: [Entry], at now: Timestamp) -> Entry? {
        keys.filter { $0.signsFrom <= now }.max { ($0.signsFrom, $0.id) < ($1.signsFrom, $1.id) }
    }

    /// The keys that verify: all but those whose last token has expired. Oldest first.
    func published(_ keys: [Entry], at now: Timestamp) -> [Entry] {
        let ordered = keys.sorted { ($0.signsFrom, $0.id) < ($1.signsFrom, $1.id) }
        return ordered.enumerated().filter { index, _ in
            let successor = ordered.dropFirst(index + 1).first
            return successor.map { now < $0.signsFrom + tokenLifetime + slack } ?? true
        }.map(\.element)
    }

    /// When the next key, made now, begins to sign; `nil` when none is due.
    ///
    /// - Parameter forced: due whatever the age of the youngest is, except that one which waits for its turn is enough.
    func next(after keys: [Entry], at now: Timestamp, forced: Bool = false) -> Timestamp? {
        // An instance whose clock is behind ours signs with the first key too.
        guard let youngest = keys.max(by: { $0.signsFrom < $1.signsFrom }) else { return now - slack }
        guard youngest.signsFrom <= now, forced || youngest.createdAt + period <= now else { return nil }
        return now + lead
    }
}
