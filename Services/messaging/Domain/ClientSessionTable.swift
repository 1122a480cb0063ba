import Contracts

/// The connection of a session: the part that every frame reads.
///
/// It is apart from ``ClientSession`` because reading a field of a session in an array copies the session and
/// retains its buffers. All fields have a fixed layout, which `ContinuousClock.Instant` has not.
struct ClientConnection: Sendable {
    /// The session's number; 0 where it was removed.
    fileprivate(set) var number: UInt64
    /// The user's partition.
    let partition: Int
    /// `nil` while the session waits for its client to return.
    fileprivate(set) var socket: SocketID?
    /// When the first frame was skipped since the last `gap`, since the start of the gateway; `nil` if none
    /// was.
    var skippedSince: Duration?
    private var queuedBytes = 0
    private var queuedRound: UInt64 = 0

    /// The bytes that a frame's header and number add to its text, about.
    private static let frameOverhead = 16

    fileprivate init(number: UInt64, partition: Int) {
        self.number = number
        self.partition = partition
    }

    var hasSkippedFrames: Bool { skippedSince != nil }

    /// Records a frame whose command has not been executed yet.
    mutating func enqueue(_ text: ServerFrame.Text, in round: UInt64) {
        queuedBytes = queuedBytes(in: round) + text.count + Self.frameOverhead
        queuedRound = round
    }

    func queuedBytes(in round: UInt64) -> Int { queuedRound == round ? queuedBytes : 0 }
}

/// All client sessions, by id, user and login session. Sessions are changed in place.
struct ClientSessionTable: Sendable {
    private var sessions: [ClientSession?] = []
    private var connections: [ClientConnection] = []
    private var freeSlots: [Int] = []
    private var byUser: [UserID: [ClientSession.ID]] = [:]
    private var bySession: [SessionID: [ClientSession.ID]] = [:]
    private var lastNumber: UInt64 = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// All ids, in no particular order.
    var ids: [ClientSession.ID] { ids { _ in true } }

    /// The ids of the sessions whose connections satisfy the predicate.
    func ids(where isIncluded: (ClientConnection) -> Bool) -> [ClientSession.ID] {
        connections.indices.compactMap { slot in
            let connection = connections[slot]
            return connection.number != 0 && isIncluded(connection) ? .init(number: connection.number, slot: slot) : nil
        }
    }

    /// The user's sessions, oldest first.
    func ids(of user: UserID) -> [ClientSession.ID] { byUser[user] ?? [] }
    func ids(of session: SessionID) -> [ClientSession.ID] { bySession[session] ?? [] }
    func hasSessions(of user: UserID) -> Bool { byUser[user] != nil }

    private func contains(_ id: ClientSession.ID) -> Bool {
        id.slot < connections.count && connections[id.slot].number == id.number
    }

    /// The connection of a session; `nil` after the session was removed. Cheap to read and to change.
    subscript(connection id: ClientSession.ID) -> ClientConnection? {
        get { contains(id) ? connections[id.slot] : nil }
        set {
            if let newValue, contains(id) { connections[id.slot] = newValue }
        }
    }

    /// The session with this id; `nil` after it was removed. To be changed in place, and read seldom.
    subscript(id: ClientSession.ID) -> ClientSession? {
        _read {
            if contains(id) { yield sessions[id.slot] } else { yield nil }
        }
        _modify {
            var none: ClientSession?
            if contains(id) { yield &sessions[id.slot] } else { yield &none }
        }
    }

    mutating func open(_ user: UserID, _ session: SessionID, partition: Int) -> ClientSession.ID {
        lastNumber += 1
        let id = ClientSession.ID(number: lastNumber, slot: freeSlots.popLast() ?? sessions.count)
        let opened = ClientSession(userID: user, sessionID: session)
        let connection = ClientConnection(number: id.number, partition: partition)
        if id.slot < sessions.count {
            sessions[id.slot] = opened
            connections[id.slot] = connection
        } else {
            sessions.append(opened)
            connections.append(connection)
        }
        byUser[user, default: []].append(id)
        bySession[session, default: []].append(id)
        count += 1
        return id
    }

    mutating func attach(_ socket: SocketID, to id: ClientSession.ID) {
        self[connection: id]?.socket = socket
        self[id]?.unpark()
    }

    /// Records that the session has lost its socket.
    mutating func park(_ id: ClientSession.ID, at now: Duration) {
        self[connection: id]?.socket = nil
        self[id]?.park(at: now)
    }

    mutating func remove(_ id: ClientSession.ID) -> ClientSession? {
        guard contains(id), let session = sessions[id.slot] else { return nil }
        sessions[id.slot] = nil
        connections[id.slot].number = 0
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
