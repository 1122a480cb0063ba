import Contracts

/// How clients connect, resume and disconnect.
extension GatewayState {
    /// A client has passed the handshake.
    ///
    /// - Parameter resume: the connection that it resumes.
    mutating func connect(
        _ socket: SocketID, user: UserID, session: SessionID, resume: Resumption?, given inputs: some GatewayInputs
    ) {
        let connection = PendingConnection(
            socket: socket, userID: user, sessionID: session, resume: resume, deadline: inputs.now + limits.handover)
        evaluate(connection, given: inputs)
    }

    /// Evaluates the clients that wait for their partition: it was handed over, or it will not be.
    mutating func evaluatePendingConnections(given inputs: some GatewayInputs) {
        if pending.isEmpty { return }
        let waiting = pending
        pending = []
        for connection in waiting { evaluate(connection, given: inputs) }
    }

    private mutating func evaluate(_ connection: PendingConnection, given inputs: some GatewayInputs) {
        let partition = ownership.partition(of: connection.userID)
        switch ownership.verdict(on: partition, at: inputs.now) {
        case .accept where !isClosed: accept(connection, given: inputs)
        case .wait where !isClosed && inputs.now < connection.deadline: pending.append(connection)
        case .accept, .unknown: reject(connection.socket, given: inputs)
        case .wait where isClosed: reject(connection.socket, given: inputs)
        case .wait, .elsewhere: redirect(connection.socket, to: partition, given: inputs)
        }
    }

    private mutating func accept(_ connection: PendingConnection, given inputs: some GatewayInputs) {
        switch inputs.status(of: connection.sessionID) {
        case .valid: break
        case .revoked:
            let text = ServerFrame.disconnect("revoked", afterMilliseconds: 0)
            return close(connection.socket, .revoked, lastFrame: text)
        case .unknown: return reject(connection.socket, given: inputs)
        }
        if let resume = connection.resume, let id = session(resumedBy: connection, resume) {
            self.resume(id, after: resume.lastN, on: connection.socket)
        } else {
            let id = sessions.open(
                connection.userID, connection.sessionID, partition: ownership.partition(of: connection.userID))
            attach(connection.socket, to: id)
            greet(id, on: connection.socket, resumed: false)
            limitDevices(of: connection.userID, keeping: id)
        }
        emit(.changePresence(.connected(connection.userID, connection.sessionID)))
    }

    /// Returns the session to resume, if it belongs to this client and still has every frame that the client
    /// missed.
    private func session(resumedBy connection: PendingConnection, _ resume: Resumption) -> ClientSession.ID? {
        let parts = resume.connectionID.split(separator: "-", maxSplits: 1)
        guard parts.count == 2, parts[0] == incarnation, let number = UInt64(parts[1]),
            let id = sessions.ids(of: connection.userID).first(where: { $0.number == number }),
            sessions[id]?.sessionID == connection.sessionID, sessions[id]?.missed(after: resume.lastN) != nil
        else { return nil }
        return id
    }

    private mutating func resume(_ id: ClientSession.ID, after n: Int64, on socket: SocketID) {
        // The client has a new socket, so it has lost the former one, even if that is not known here yet.
        if let former = sessions[connection: id]?.socket {
            detach(former)
            emit(.close(former, .goingAway))
        }
        attach(socket, to: id)
        emit(.record(.sessionResumed))
        greet(id, on: socket, resumed: true)
        let missed = sessions[id]?.missed(after: n) ?? []
        for (offset, text) in missed.enumerated() {
            transmit(text, n: n + 1 + Int64(offset), of: id, in: socket)
        }
    }

    private mutating func greet(_ id: ClientSession.ID, on socket: SocketID, resumed: Bool) {
        guard let partition = sessions[connection: id]?.partition, let lastN = sessions[id]?.lastN else { return }
        let text = ServerFrame.hello(
            connectionID: "\(incarnation)-\(id.number)", partition: partition, heartbeatSeconds: limits.heartbeatSeconds,
            resumed: resumed)
        emit(.greet(text, lastN: lastN, socket))
        emit(.open(socket))
    }

    /// Disconnects one device if the user has too many: one without a socket first, then the oldest.
    private mutating func limitDevices(of user: UserID, keeping id: ClientSession.ID) {
        let ids = sessions.ids(of: user)
        guard ids.count > limits.devices else { return }
        if let oldest = ids.first(where: { sessions[connection: $0]?.socket == nil }) ?? ids.first(where: { $0 != id }) {
            let text = ServerFrame.error(
                nil, code: "tooManyConnections", "Too many devices are connected. Disconnect one and connect again.")
            disconnect(oldest, .policyViolation, lastFrame: text)
        }
    }

    // MARK: Lost sockets

    /// The socket has closed. Its session waits for the client to return.
    mutating func applyClose(of socket: SocketID, given inputs: some GatewayInputs) {
        pending.removeAll { $0.socket == socket }
        if redirected.removeValue(forKey: socket) != nil, redirected.isEmpty { emit(.reportRelease) }
        guard let id = detach(socket), let (user, session) = sessions[id].map({ ($0.userID, $0.sessionID) }) else { return }
        let hasSkippedFrames = sessions[connection: id]?.hasSkippedFrames == true
        let now = time(inputs)
        sessions.park(id, at: now)
        if hasSkippedFrames { sendGap(to: id, given: inputs) }
        parked.append((id, now))
        reportDisconnection(of: user, session)
    }

    /// Removes sessions whose clients have not returned in time.
    mutating func expireParkedSessions(given inputs: some GatewayInputs) {
        let now = time(inputs)
        let due = parked.prefix { now - $0.at >= limits.resume }
        if due.isEmpty { return }
        parked.removeFirst(due.count)
        for (id, _) in due {
            if let at = sessions[id]?.parkedAt, now - at >= limits.resume { remove(id) }
        }
    }

    /// The client has received every frame up to `n`, as it says.
    mutating func acknowledge(upTo n: Int64, from socket: SocketID, given inputs: some GatewayInputs) {
        guard let id = session(of: socket), let before = sessions[id]?.replay.bytes else { return }
        let now = time(inputs)
        sessions[id]?.acknowledge(upTo: n, at: now)
        replayBytes += (sessions[id]?.replay.bytes ?? 0) - before
    }

    // MARK: Refused clients

    private mutating func redirect(_ socket: SocketID, to partition: Int, given inputs: some GatewayInputs) {
        let (url, delay) = (inputs.url(of: partition), inputs.reconnectDelay())
        close(socket, .moved, lastFrame: ServerFrame.disconnect("moved", url: url, afterMilliseconds: delay))
    }

    /// Refuses a client that this instance cannot serve now.
    mutating func reject(_ socket: SocketID, given inputs: some GatewayInputs) {
        close(socket, .goingAway, lastFrame: ServerFrame.disconnect("shutdown", afterMilliseconds: inputs.reconnectDelay()))
    }

    private mutating func close(_ socket: SocketID, _ reason: CloseReason, lastFrame text: ServerFrame.Text) {
        emit(.send(text, n: 1, socket))
        emit(.close(socket, reason))
    }
}
