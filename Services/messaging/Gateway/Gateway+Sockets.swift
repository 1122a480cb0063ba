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
        for event in events { apply(event.kind, of: event.handle, now: now) }
        executeCommands()
        for event in events {
            if case .closed = event.kind { sockets.remove(event.handle) }
        }
    }

    private func apply(_ event: SocketEvent.Kind, of handle: SocketHandle, now: ContinuousClock.Instant) {
        if case .admitted(let guest) = event {
            let socket = sockets.add(handle)
            let (user, session) = (guest.caller.userID, guest.caller.sessionID)
            return collect(now: now) { $0.connect(socket, user: user, session: session, resume: guest.resume, given: $1) }
        }
        guard let socket = sockets.id(of: handle) else { return }
        collect(now: now) { state, inputs in
            switch event {
            case .admitted: break
            case .frame(let frame):
                metrics.recordReceived()
                state.receive(frame, from: socket, given: inputs)
            case .badFrame(let bad): state.reject(bad, from: socket, given: inputs)
            case .policyViolated: state.emit(.close(socket, .policyViolation))
            case .acknowledged(let n): state.acknowledge(upTo: n, from: socket, given: inputs)
            case .drained: state.applyDrain(of: socket, given: inputs)
            case .closed: state.applyClose(of: socket, given: inputs)
            }
        }
    }
}

/// The open sockets, by the index that the rules know them by.
struct SocketTable {
    private var handles: [SocketHandle?] = []
    private var freeIndices: [Int] = []

    /// Gives the socket an index, which it keeps until ``remove(_:)``.
    mutating func add(_ handle: SocketHandle) -> SocketID {
        let socket = SocketID(index: freeIndices.popLast() ?? handles.count)
        if socket.index < handles.count { handles[socket.index] = handle } else { handles.append(handle) }
        handle.receiverNumber.store(UInt64(socket.index) + 1, ordering: .relaxed)
        return socket
    }

    func id(of handle: SocketHandle) -> SocketID? {
        let number = handle.receiverNumber.load(ordering: .relaxed)
        return number == 0 ? nil : SocketID(index: Int(number) - 1)
    }

    subscript(socket: SocketID) -> SocketHandle? { socket.index < handles.count ? handles[socket.index] : nil }

    /// Frees the index of a closed socket. Only after the commands for it were executed: another socket gets
    /// the index next.
    mutating func remove(_ handle: SocketHandle) {
        guard let socket = id(of: handle) else { return }
        handle.receiverNumber.store(0, ordering: .relaxed)
        handles[socket.index] = nil
        freeIndices.append(socket.index)
    }
}
