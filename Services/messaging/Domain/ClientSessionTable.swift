import Contracts

/// All client sessions, by id, user and login session. Sessions are changed in place.
struct ClientSessionTable: Sendable {
    /// By ``ClientSession/ID/slot``; `nil` where a session was removed. Loops over all sessions read single
    /// fields of it, because a copy of a session retains its buffers.
    private(set) var slots: [ClientSession?] = []
    private var freeSlots: [Int] = []
    private var byUser: [UserID: [ClientSession.ID]] = [:]
    private var bySession: [SessionID: [ClientSession.ID]] = [:]
    private var lastNumber: UInt64 = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    /// All ids, in no particular order.
    var ids: [ClientSession.ID] { slots.indices.compactMap { slots[$0]?.id } }

    /// The user's sessions, oldest first.
    func ids(of user: UserID) -> [ClientSession.ID] { byUser[user] ?? [] }
    func ids(of session: SessionID) -> [ClientSession.ID] { bySession[session] ?? [] }
    func hasSessions(of user: UserID) -> Bool { byUser[user] != nil }

    /// The session with this id; `nil` after it was removed. Assigning `nil` is not allowed: see
    /// ``remove(_:)``.
    subscript(id: ClientSession.ID) -> ClientSession? {
        _read {
            if contains(id) { yield slots[id.slot] } else { yield nil }
        }
        _modify {
            var none: ClientSession?
            if contains(id) { yield &slots[id.slot] } else { yield &none }
        }
    }

    private func contains(_ id: ClientSession.ID) -> Bool {
        slots.indices.contains(id.slot) && slots[id.slot]?.id.number == id.number
    }

    mutating func open(_ user: UserID, _ session: SessionID, partition: Int) -> ClientSession.ID {
        lastNumber += 1
        let id = ClientSession.ID(number: lastNumber, slot: freeSlots.popLast() ?? slots.count)
        let opened = ClientSession(id: id, userID: user, sessionID: session, partition: partition)
        if id.slot < slots.count { slots[id.slot] = opened } else { slots.append(opened) }
        byUser[user, default: []].append(id)
        bySession[session, default: []].append(id)
        count += 1
        return id
    }

    mutating func remove(_ id: ClientSession.ID) -> ClientSession? {
        guard contains(id), let session = slots[id.slot] else { return nil }
        slots[id.slot] = nil
        freeSlots.append(id.slot)
        Self.remove(id, at: session.userID, from: &byUser)
        Self.remove(id, at: session.sessionID, from: &bySession)
        count -= 1
        return session
    }

    private static func remove<Key>(_ id: ClientSession.ID, at key: Key, from table: inout [Key: [ClientSession.ID]]) {
        table[key]?.removeAll { $0 == id }
        if table[key]?.isEmpty == true { table[key] = nil }
    }
}
