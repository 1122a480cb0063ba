import Contracts

/// The users that are online here and their devices: those with a socket, and those that lost it a moment
/// ago.
struct PresenceTable: Sendable {
    /// How long a device may be without a socket before it counts as gone.
    static let grace = Duration.seconds(3)

    typealias Device = (user: UserID, session: SessionID)

    /// The devices and users that have not returned in time.
    struct Departed {
        /// Includes devices of users who are online with others.
        var devices: [Device] = []
        /// Users without any device.
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
    /// In order of time. Includes devices that have returned since.
    private var departures: [Departure] = []
    private var movedAway: [Device] = []

    func isOnline(_ user: UserID) -> Bool { present[user] != nil }

    /// Records that a device has a socket.
    ///
    /// - Returns: whether the user was offline before.
    mutating func connect(_ user: UserID, _ session: SessionID) -> Bool {
        let wasOffline = !isOnline(user)
        present[user]?.removeAll { $0.id == session }
        present[user, default: []].append(Session(id: session))
        return wasOffline
    }

    /// Records that a device has lost its last socket.
    mutating func disconnect(_ user: UserID, _ session: SessionID, at now: ContinuousClock.Instant) {
        guard let index = present[user]?.firstIndex(where: { $0.id == session && $0.leftAt == nil }) else { return }
        present[user]?[index].leftAt = now
        departures.append(Departure(device: (user, session), at: now))
    }

    /// Removes all devices of a user whom another instance serves now.
    ///
    /// - Returns: whether the user was online.
    mutating func move(_ user: UserID) -> Bool {
        guard let sessions = present.removeValue(forKey: user) else { return false }
        movedAway += sessions.map { (user, $0.id) }
        return true
    }

    /// Removes and returns the devices and users that have been gone for ``grace``.
    mutating func expire(now: ContinuousClock.Instant) -> Departed {
        var departed = Departed(devices: movedAway)
        movedAway = []
        let due = departures.prefix { now - $0.at >= Self.grace }
        departures.removeFirst(due.count)
        for departure in due { remove(departure, &departed) }
        return departed
    }

    private mutating func remove(_ departure: Departure, _ departed: inout Departed) {
        let (user, session) = departure.device
        guard let index = present[user]?.firstIndex(where: { $0.id == session && $0.leftAt == departure.at }) else { return }
        present[user]?.remove(at: index)
        departed.devices.append(departure.device)
        guard present[user]?.isEmpty == true else { return }
        present[user] = nil
        departed.users.append(user)
    }

    /// Removes and returns all devices, at shutdown.
    mutating func removeAll() -> [Device] {
        let all = movedAway + present.flatMap { user, sessions in sessions.map { (user, $0.id) } }
        present = [:]
        departures = []
        movedAway = []
        return all
    }
}

/// The contacts that each user was shown as online, so that this can be corrected when the contact's instance
/// has died. Bounded: what exceeds ``capacity`` is not corrected.
struct ShownPresence: Sendable {
    static let capacity = 500_000

    /// The contacts, by the user who sees them.
    private var contacts: [UserID: Set<UserID>] = [:]
    private var count = 0

    mutating func record(_ contact: UserID, online: Bool, to watchers: [UserID]) {
        for watcher in watchers where watcher != contact {
            if !online {
                if contacts[watcher]?.remove(contact) != nil { count -= 1 }
            } else if count < Self.capacity, contacts[watcher, default: []].insert(contact).inserted {
                count += 1
            }
        }
    }

    func isShown(_ contact: UserID, to watcher: UserID) -> Bool { contacts[watcher]?.contains(contact) ?? false }

    /// Forgets what a user sees who is not connected any more.
    mutating func forget(_ watcher: UserID) { count -= contacts.removeValue(forKey: watcher)?.count ?? 0 }

    /// Returns the contacts that satisfy the predicate, by the user who sees them.
    func contacts(where isIncluded: (UserID) -> Bool) -> [UserID: Set<UserID>] {
        contacts.mapValues { $0.filter(isIncluded) }.filter { !$0.value.isEmpty }
    }
}
