import Edge
import NIOWebSocket
import Reactor
import Synchronization

/// Events of sockets. Those of one socket are applied in the order in which it reported them.
extension Gateway: SocketEventReceiver {
    nonisolated func receive(_ events: [SocketEvent]) {
        io.post { self.assumeIsolated { $0.apply(events) } }
    }

    /// Applies what the sockets of one loop reported in one round, and then executes all commands together.
    private func apply(_ events: [SocketEvent]) {
        let now = currentTime
        for event in events { apply(event.kind, of: event.port, now: now) }
        executeCommands()
        for event in events {
            if case .left = event.kind { sockets.remove(event.port) }
        }
    }

    private func apply(_ event: SocketEvent.Kind, of port: SocketHandle, now: ContinuousClock.Instant) {
        if case .arrived(let guest) = event {
            let socket = sockets.add(port)
            let (user, session) = (guest.caller.userID, guest.caller.sessionID)
            return collect(now: now) { $0.connect(socket, user: user, session: session, resume: guest.resume, given: $1) }
        }
        guard let socket = sockets.id(of: port) else { return }
        collect(now: now) { state, inputs in
            switch event {
            case .arrived: break
            case .frame(let frame):
                metrics.recordReceived()
                state.receive(frame, from: socket, given: inputs)
            case .badFrame(let bad): state.reject(bad, from: socket, given: inputs)
            case .policyViolated: state.emit(.close(socket, .policyViolation))
            case .confirmed(let n): state.acknowledge(upTo: n, from: socket, given: inputs)
            case .drained: state.applyDrain(of: socket, given: inputs)
            case .left: state.applyClose(of: socket, given: inputs)
            }
        }
    }
}

/// The open sockets, by the index that the rules know them by.
struct SocketTable {
    private var ports: [SocketHandle?] = []
    private var freeIndices: [Int] = []

    /// Gives the socket an index, which it keeps until ``remove(_:)``.
    mutating func add(_ port: SocketHandle) -> SocketID {
        let socket = SocketID(index: freeIndices.popLast() ?? ports.count)
        if socket.index < ports.count { ports[socket.index] = port } else { ports.append(port) }
        port.receiverNumber.store(UInt64(socket.index) + 1, ordering: .relaxed)
        return socket
    }

    func id(of port: SocketHandle) -> SocketID? {
        let number = port.receiverNumber.load(ordering: .relaxed)
        return number == 0 ? nil : SocketID(index: Int(number) - 1)
    }

    subscript(socket: SocketID) -> SocketHandle? { socket.index < ports.count ? ports[socket.index] : nil }

    /// Frees the index of a closed socket. Only after the commands for it were executed: another socket gets
    /// the index next.
    mutating func remove(_ port: SocketHandle) {
        guard let socket = id(of: port) else { return }
        port.receiverNumber.store(0, ordering: .relaxed)
        ports[socket.index] = nil
        freeIndices.append(socket.index)
    }
}
