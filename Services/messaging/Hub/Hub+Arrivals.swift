import Contracts
import Edge
import NIOWebSocket
import Synchronization

/// How clients come, come back and leave.
extension Hub {
    func welcome(_ port: SocketHandle, _ guest: HandshakeResult) {
        let partition = ownership.partition(of: guest.caller.userID)
        switch ownership.verdict(on: partition, at: .now) {
        case .accept where !isClosed: enter(port, guest)
        case .wait where !isClosed: waiting.append(PendingConnection(port: port, guest: guest, until: .now + limits.handover))
        case .elsewhere: sendAway(port, partition)
        case .accept, .wait, .unknown: turnAway(port)
        }
    }

    private func enter(_ port: SocketHandle, _ guest: HandshakeResult) {
        switch revocations.verdict(on: guest.caller.sessionID) {
        case .live: break
        case .revoked: return greetAndClose(port, ServerFrame.disconnect("revoked", afterMilliseconds: 0), .revoked)
        case .unknown: return turnAway(port)
        }
        figures.connections.add(1, ordering: .relaxed)
        if let resume = guest.resume, let id = line(comingBack: resume, guest.caller) {
            goOn(id, after: resume.lastN, port)
        } else {
            let id = open(guest.caller)
            attach(port, to: id)
            hello(id, port, resumed: false)
            makeRoom(for: guest.caller.userID, keeping: id)
        }
        noteOnline(guest.caller)
    }

    /// The line, if it is this session's and nothing after the client's last frame is lost.
    private func line(comingBack resume: Resumption, _ caller: Caller) -> Line.ID? {
        let parts = resume.connectionID.split(separator: "-", maxSplits: 1)
        guard parts.count == 2, parts[0] == incarnation, let number = UInt64(parts[1]) else { return nil }
        let id = Line.ID(number: number)
        guard let line = entries[id]?.line, line.sessionID == caller.sessionID, line.userID == caller.userID,
            line.missed(after: resume.lastN) != nil
        else { return nil }
        return id
    }

    private func goOn(_ id: Line.ID, after n: Int64, _ port: SocketHandle) {
        // The client is here, so whatever it had before is dead, if it does not know that yet.
        if let former = entries[id]?.port {
            former.line.store(0, ordering: .relaxed)
            figures.connections.subtract(1, ordering: .relaxed)
            output(.close(.goingAway), to: former)
        }
        attach(port, to: id)
        figures.noteResumed()
        hello(id, port, resumed: true)
        let missed = entries[id]?.line.missed(after: n) ?? []
        for (offset, text) in missed.enumerated() {
            let number = n + 1 + Int64(offset)
            output(.send(.frame(text, numbered: number), n: number), to: port)
        }
    }

    private func attach(_ port: SocketHandle, to id: Line.ID) {
        entries[id]?.port = port
        entries[id]?.line.unpark()
        port.line.store(id.number, ordering: .relaxed)
    }

    private func hello(_ id: Line.ID, _ port: SocketHandle, resumed: Bool) {
        guard let user = entries[id]?.line.userID else { return }
        let text = ServerFrame.hello(
            connectionID: connectionID(id), partition: ownership.partition(of: user), heartbeatSeconds: limits.heartbeatSeconds,
            resumed: resumed)
        greet(text, id, port)
        output(.open, to: port)
    }

    /// A user has so many devices at most; what waits for a client to come back goes first.
    private func makeRoom(for user: UserID, keeping id: Line.ID) {
        guard let lines = users[user], lines.count > limits.devices else { return }
        let oldest = lines.first { entries[$0]?.port == nil } ?? lines.first { $0 != id }
        if let oldest {
            dismiss(
                oldest, .policyViolation, ServerFrame.error(nil, code: "tooManyConnections", "Too many devices are connected."))
        }
    }

    // MARK: Leaving

    /// The socket is gone; the line stays for a while.
    func lost(_ port: SocketHandle) {
        waiting.removeAll { $0.port === port }
        if leaving.removeValue(forKey: ObjectIdentifier(port)) != nil, leaving.isEmpty { connectionsReleased() }
        guard let id = line(of: port) else { return }
        figures.connections.subtract(1, ordering: .relaxed)
        entries[id]?.port = nil
        entries[id]?.line.park(at: .now)
        if entries[id]?.line.isGapped == true { tellGap(id) }
        parked.append((id, .now))
        if let line = entries[id]?.line { noteLost(line.userID, line.sessionID) }
    }

    /// Forgets whoever did not come back in time.
    func forgetParked(now: ContinuousClock.Instant) {
        while let first = parked.first, now - first.at >= limits.resume {
            parked.removeFirst()
            if let at = entries[first.id]?.line.parkedAt, now - at >= limits.resume { forget(first.id) }
        }
    }

    // MARK: Elsewhere

    /// Whoever has come to the wrong instance.
    private func sendAway(_ port: SocketHandle, _ partition: Int) {
        greetAndClose(port, ServerFrame.disconnect("moved", url: address(partition), afterMilliseconds: Self.spread()), .moved)
    }

    /// Whoever cannot be let in here, and may be elsewhere or later.
    func turnAway(_ port: SocketHandle) {
        greetAndClose(port, ServerFrame.disconnect("shutdown", afterMilliseconds: Self.spread()), .goingAway)
    }

    private func greetAndClose(_ port: SocketHandle, _ text: ServerFrame.Text, _ code: WebSocketErrorCode) {
        output(.send(.frame(text, numbered: 1), n: 1), to: port)
        output(.close(code), to: port)
    }

    /// So that those who leave together do not arrive together. Milliseconds.
    static func spread() -> Int { .random(in: 0...200) }

    /// Whoever has waited for their partition: it has come, or it never will.
    func lookAtWaiting(now: ContinuousClock.Instant) {
        let newcomers = waiting
        waiting = []
        for newcomer in newcomers {
            let partition = ownership.partition(of: newcomer.guest.caller.userID)
            switch ownership.verdict(on: partition, at: now) {
            case .accept where !isClosed: enter(newcomer.port, newcomer.guest)
            case .wait where now < newcomer.until && !isClosed: waiting.append(newcomer)
            case .unknown, .accept: turnAway(newcomer.port)
            default: sendAway(newcomer.port, partition)
            }
        }
    }
}
