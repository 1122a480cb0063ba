import Contracts

/// Who is there, and with which devices: those with a socket, and those that had one a moment ago and are about to come back. Pure.
struct PresenceTable: Sendable {
    /// For which nobody is told that somebody is gone: as long as a blink of the network takes.
    static let grace = Duration.seconds(3)

    typealias Device = (user: UserID, session: SessionID)

    /// Who has not come back in time.
    struct Gone {
        /// Also those whose users are still there with others.
        var devices: [Device] = []
        /// Without any device.
        var users: [UserID] = []
    }

    private struct Session: Sendable {
        let id: SessionID
        /// When its last socket was lost; `nil` while there is one.
        var leftAt: ContinuousClock.Instant?
    }

    private struct Departure: Sendable {
        let device: Device
        let at: ContinuousClock.Instant
    }

    private var present: [UserID: [Session]] = [:]
    /// In their order; whoever came back since is among them.
    private var departures: [Departure] = []
    private var movedAway: [Device] = []

    func isOnline(_ user: UserID) -> Bool { present[user] != nil }

    /// - Returns: whether that is news of the user.
    mutating func came(_ user: UserID, _ session: SessionID) -> Bool {
        let isNews = !isOnline(user)
        present[user]?.removeAll { $0.id == session }
        present[user, default: []].append(Session(id: session))
        return isNews
    }

    /// The last socket of the session was lost.
    mutating func left(_ user: UserID, _ session: SessionID, at now: ContinuousClock.Instant) {
        guard let index = present[user]?.firstIndex(where: { $0.id == session && $0.leftAt == nil }) else { return }
        present[user]?[index].leftAt = now
        departures.append(Departure(device: (user, session), at: now))
    }

    /// All sockets of the user were lost, and they are about to come back elsewhere; or they are not, so their devices are gone from here.
    mutating func moved(_ user: UserID) -> Bool {
        guard let sessions = present.removeValue(forKey: user) else { return false }
        movedAway += sessions.map { (user, $0.id) }
        return true
    }

    /// Each once.
    mutating func gone(now: ContinuousClock.Instant) -> Gone {
        var gone = Gone(devices: movedAway)
        movedAway = []
        let due = departures.prefix { now - $0.at >= Self.grace }
        departures.removeFirst(due.count)
        for departure in due { take(departure, &gone) }
        return gone
    }

    private mutating func take(_ departure: Departure, _ gone: inout Gone) {
        let (user, session) = departure.device
        guard let index = present[user]?.firstIndex(where: { $0.id == session && $0.leftAt == departure.at }) else { return }
        present[user]?.remove(at: index)
        gone.devices.append(departure.device)
        guard present[user]?.isEmpty == true else { return }
        present[user] = nil
        gone.users.append(user)
    }

    /// Everybody, when the process ends.
    mutating func all() -> [Device] {
        defer { (present, departures, movedAway) = ([:], [], []) }
        return movedAway + present.flatMap { user, sessions in sessions.map { (user, $0.id) } }
    }
}
