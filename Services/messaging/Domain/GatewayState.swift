import Contracts

/// The rules of the gateway: which clients are connected, and which frames each of them is sent.
///
/// A value without I/O. The caller reports events, each with its ``GatewayInputs``, and then executes the
/// commands that they caused, in order. See ``drainCommands(into:)``.
struct GatewayState: Sendable {
    /// A client that has passed the handshake and waits for its partition.
    struct PendingConnection: Sendable {
        let socket: SocketID
        let userID: UserID
        let sessionID: SessionID
        let resume: Resumption?
        let deadline: ContinuousClock.Instant
    }

    /// Begins every connection id, so that ids of an earlier process do not match.
    let incarnation: String
    var limits: GatewayLimits
    /// The start of the gateway, from which the times of sessions count.
    private let origin: ContinuousClock.Instant
    var sessions = ClientSessionTable()
    /// The sessions of sockets, by ``SocketID/index``. A socket that is pending or being closed has none.
    var sessionsOfSockets: [ClientSession.ID?] = []
    var pending: [PendingConnection] = []
    /// Sessions without a socket, in the order in which they lost it. May contain sessions that have been
    /// resumed.
    var parked: [(id: ClientSession.ID, at: Duration)] = []
    var ownership: PartitionOwnership
    var sequencer: MessageSequencer<Delivery.Item>
    var outage = DeliveryOutage()
    var typing = TypingThrottle()
    /// Partitions that another instance owns, and whose clients are not redirected yet.
    var partitionsToRelease = PartitionSet()
    /// Sockets that were redirected and are not closed yet, with their partitions.
    var redirected: [SocketID: Int] = [:]
    /// Bytes that may wait for one client: less than ``GatewayLimits/outbound`` while very many bytes wait
    /// for all.
    var outboundLimit: Int
    var replayBytes = 0
    /// Sockets with a session.
    private(set) var connections = 0
    /// Whether handshakes are accepted.
    private(set) var isOpen = false
    /// Set once, at shutdown.
    var isClosed = false
    var isReleaseScheduled = false
    private var commands: [GatewayCommand] = []
    /// Counts calls of ``drainCommands(into:)``.
    private var round: UInt64 = 0

    init(partitionCount: Int, incarnation: String, limits: GatewayLimits, now: ContinuousClock.Instant) {
        self.incarnation = incarnation
        self.limits = limits
        origin = now
        ownership = PartitionOwnership(partitionCount: partitionCount)
        sequencer = MessageSequencer(now: now)
        outboundLimit = limits.outbound
    }

    /// Applies the rules that depend on time. Call it once a second.
    mutating func tick(given inputs: some GatewayInputs) {
        expireParkedSessions(given: inputs)
        evaluatePendingConnections(given: inputs)
        evaluateOutage(given: inputs)
        evaluateCongestion(given: inputs)
    }

    /// Returns the state for heartbeats.
    func report() -> GatewayReport {
        let held = ownership.served.union(PartitionSet(redirected.values)).union(partitionsToRelease)
        return GatewayReport(
            epoch: ownership.epoch, held: isClosed ? PartitionSet() : held, assigned: ownership.assigned,
            leaseEnd: ownership.leaseEnd, connections: connections)
    }

    /// The time since the gateway was started.
    func time(_ inputs: some GatewayInputs) -> Duration { inputs.now - origin }

    // MARK: Commands

    mutating func emit(_ command: GatewayCommand) { commands.append(command) }

    /// Moves the commands since the last call into `buffer`, which must be empty. Its storage is used again.
    mutating func drainCommands(into buffer: inout [GatewayCommand]) {
        swap(&commands, &buffer)
        round &+= 1
    }

    mutating func accept(handshakes isOpen: Bool) {
        if isOpen == self.isOpen { return }
        self.isOpen = isOpen
        emit(.acceptHandshakes(isOpen))
    }

    // MARK: Frames

    /// Sends a frame, or skips it if the client is slow: then `gap` follows once it reads again.
    mutating func send(_ text: ServerFrame.Text, to id: ClientSession.ID, given inputs: some GatewayInputs) {
        guard let socket = sessions[connection: id]?.socket else { return store(text, for: id) }
        let waiting = bytesWaiting(for: id, in: socket, given: inputs)
        if sessions[connection: id]?.hasSkippedFrames == true {
            if waiting > outboundLimit / 2 { return }
            sendGap(to: id, given: inputs)
        } else if waiting > outboundLimit {
            return recordSkippedFrame(of: id, in: socket, now: time(inputs))
        }
        write(text, to: id, in: socket)
    }

    mutating func send(_ text: ServerFrame.Text, toAllOf user: UserID, given inputs: some GatewayInputs) {
        for id in sessions.ids(of: user) { send(text, to: id, given: inputs) }
    }

    /// Sends `gap`, now or once the client reads again: it may have missed frames.
    mutating func sendGap(to id: ClientSession.ID, given inputs: some GatewayInputs) {
        guard let socket = sessions[connection: id]?.socket else {
            sessions[connection: id]?.skippedSince = nil
            return store(ServerFrame.gap, for: id)
        }
        if bytesWaiting(for: id, in: socket, given: inputs) > outboundLimit {
            return recordSkippedFrame(of: id, in: socket, now: time(inputs))
        }
        sessions[connection: id]?.skippedSince = nil
        write(ServerFrame.gap, to: id, in: socket)
    }

    /// Includes the frames whose commands have not been executed yet.
    private func bytesWaiting(for id: ClientSession.ID, in socket: SocketID, given inputs: some GatewayInputs) -> Int {
        inputs.bytesWaiting(in: socket) + (sessions[connection: id]?.queuedBytes(in: round) ?? 0)
    }

    private mutating func recordSkippedFrame(of id: ClientSession.ID, in socket: SocketID, now: Duration) {
        if sessions[connection: id]?.hasSkippedFrames == true { return }
        sessions[connection: id]?.skippedSince = now
        emit(.reportDrain(socket))
        emit(.record(.framesSkipped))
    }

    private mutating func write(_ text: ServerFrame.Text, to id: ClientSession.ID, in socket: SocketID) {
        transmit(text, n: append(text, to: id), of: id, in: socket)
    }

    /// Sends a frame that has its number.
    mutating func transmit(_ text: ServerFrame.Text, n: Int64, of id: ClientSession.ID, in socket: SocketID) {
        sessions[connection: id]?.enqueue(text, in: round)
        emit(.send(text, n: n, socket))
    }

    /// Keeps a frame for a client that may return. A session that cannot be resumed any more is removed.
    private mutating func store(_ text: ServerFrame.Text, for id: ClientSession.ID) {
        _ = append(text, to: id)
        if sessions[id]?.canResume == false { remove(id) }
    }

    private mutating func append(_ text: ServerFrame.Text, to id: ClientSession.ID) -> Int64 {
        guard let (n, growth) = sessions[id]?.append(text, limit: limits.replay) else { return 0 }
        replayBytes += growth
        if replayBytes > limits.replayInAll {
            replayBytes -= sessions[id]?.replay.bytes ?? 0
            sessions[id]?.forgetReplay()
        }
        return n
    }

    // MARK: Sessions

    /// Returns the session that a socket shows; `nil` while it is pending, or once it is being closed.
    func session(of socket: SocketID) -> ClientSession.ID? {
        sessionsOfSockets.indices.contains(socket.index) ? sessionsOfSockets[socket.index] : nil
    }

    mutating func attach(_ socket: SocketID, to id: ClientSession.ID) {
        while sessionsOfSockets.count <= socket.index { sessionsOfSockets.append(nil) }
        sessionsOfSockets[socket.index] = id
        sessions.attach(socket, to: id)
        connections += 1
    }

    /// - Returns: the session that the socket had.
    @discardableResult
    mutating func detach(_ socket: SocketID) -> ClientSession.ID? {
        guard let id = session(of: socket) else { return nil }
        sessionsOfSockets[socket.index] = nil
        connections -= 1
        return id
    }

    /// Closes the client's socket after a last frame, and removes the session.
    mutating func disconnect(_ id: ClientSession.ID, _ reason: CloseReason, lastFrame text: ServerFrame.Text?) {
        if let socket = sessions[connection: id]?.socket {
            if let text { write(text, to: id, in: socket) }
            emit(.close(socket, reason))
        }
        remove(id)
    }

    mutating func remove(_ id: ClientSession.ID) {
        let socket = sessions[connection: id]?.socket
        guard let session = sessions.remove(id) else { return }
        replayBytes -= session.replay.bytes
        if let socket { detach(socket) }
        reportDisconnection(of: session.userID, session.sessionID)
    }

    func isOnline(_ user: UserID) -> Bool { sessions.ids(of: user).contains { sessions[connection: $0]?.socket != nil } }

    /// Reports that a socket of the session is gone, unless it has others.
    mutating func reportDisconnection(of user: UserID, _ session: SessionID) {
        if sessions.ids(of: session).contains(where: { sessions[connection: $0]?.socket != nil }) { return }
        emit(.changePresence(.disconnected(user, session)))
    }

    // MARK: Slow clients

    /// The client reads again.
    mutating func applyDrain(of socket: SocketID, given inputs: some GatewayInputs) {
        if let id = session(of: socket), sessions[connection: id]?.hasSkippedFrames == true { sendGap(to: id, given: inputs) }
    }

    /// Bounds the bytes that wait for all clients, sends `gap` to clients that read again, and disconnects
    /// the others in time.
    private mutating func evaluateCongestion(given inputs: some GatewayInputs) {
        var waiting = 0
        let skipping = sessions.ids { connection in
            guard let socket = connection.socket else { return false }
            waiting += inputs.bytesWaiting(in: socket)
            return connection.hasSkippedFrames
        }
        outboundLimit = waiting > limits.outboundInAll ? limits.outbound / 16 : limits.outbound
        for id in skipping {
            guard let socket = sessions[connection: id]?.socket, let since = sessions[connection: id]?.skippedSince else {
                continue
            }
            if bytesWaiting(for: id, in: socket, given: inputs) <= outboundLimit / 2 {
                sendGap(to: id, given: inputs)
            } else if time(inputs) - since >= limits.congestion {
                emit(.record(.clientTooSlow))
                disconnect(id, .policyViolation, lastFrame: nil)
            }
        }
    }
}

/// The resources that one gateway spends on its clients. Sizes are in bytes.
struct GatewayLimits: Hashable, Sendable {
    /// Bytes that may wait to be sent on one connection. Frames beyond it are skipped, and the client is sent
    /// `gap`.
    var outbound = 262_144
    /// Bytes that may wait on all connections. Beyond it, each connection gets a sixteenth of ``outbound``.
    var outboundInAll = 512 << 20
    /// How long a client may leave its frames unread before it is disconnected.
    var congestion = Duration.seconds(60)
    /// Bytes of the resume buffer of one session.
    var replay = 65_536
    /// Bytes of all resume buffers.
    var replayInAll = 128 << 20
    /// How long a session can be resumed after its socket was lost.
    var resume = Duration.seconds(60)
    /// Requests of one connection that may be in flight.
    var requests = 64
    /// Connections of one user. A further one replaces the oldest.
    var devices = 32
    /// How long clients stay connected while nothing can be delivered.
    var outage = Duration.seconds(30)
    /// How long a new connection waits for the previous owner to release the partition.
    var handover = Duration.seconds(3)
    /// How often a chat's members are shown that one user is typing.
    var typing = Duration.seconds(3)
    /// The interval of pings, in seconds.
    var heartbeatSeconds = 25
}
