import NIOWebSocket

/// What sockets tell reaches the hub in the order in which each has told it.
extension Hub: SocketEventReceiver {
    nonisolated func receive(_ events: [SocketEvent]) {
        Task(executorPreference: io) { await self.take(events) }
    }

    private func take(_ events: [SocketEvent]) {
        for event in events { take(event.kind, event.port) }
    }

    private func take(_ event: SocketEvent.Kind, _ port: SocketHandle) {
        switch event {
        case .arrived(let guest): welcome(port, guest)
        case .frame(let frame): answer(frame, on: port)
        case .badFrame(let bad): complain(bad, on: port)
        case .policyViolated: output(.close(.policyViolation), to: port)
        case .confirmed(let n): confirm(n, on: port)
        case .drained: goOn(port)
        case .left: lost(port)
        }
    }

    private func confirm(_ n: Int64, on port: SocketHandle) {
        guard let id = line(of: port) else { return }
        let before = entries[id]?.line.replay.bytes ?? 0
        entries[id]?.line.received(upTo: n, at: .now)
        replayBytes += (entries[id]?.line.replay.bytes ?? 0) - before
    }

    /// There is room again.
    private func goOn(_ port: SocketHandle) {
        if let id = line(of: port), entries[id]?.line.isGapped == true { tellGap(id) }
    }
}
