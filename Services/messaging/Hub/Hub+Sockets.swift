import NIOWebSocket

/// What sockets tell reaches the hub in the order in which each has told it.
extension Hub: SocketEvents {
    nonisolated func arrived(_ port: Port, _ guest: Guest) { later { await $0.welcome(port, guest) } }
    nonisolated func received(_ frame: ClientFrame, on port: Port) { later { await $0.answer(frame, on: port) } }
    nonisolated func received(_ bad: BadFrame, on port: Port) { later { await $0.complain(bad, on: port) } }
    nonisolated func wentTooFar(_ port: Port) { later { await $0.output(.close(.policyViolation), to: port) } }
    nonisolated func confirmed(upTo n: Int64, on port: Port) { later { await $0.confirm(n, on: port) } }
    nonisolated func drained(_ port: Port) { later { await $0.goOn(port) } }
    nonisolated func left(_ port: Port) { later { await $0.lost(port) } }

    private nonisolated func later(_ body: @escaping @Sendable (Hub) async -> Void) {
        Task(executorPreference: io) { await body(self) }
    }

    private func confirm(_ n: Int64, on port: Port) {
        guard let id = line(of: port) else { return }
        let before = entries[id]?.line.replay.bytes ?? 0
        entries[id]?.line.received(upTo: n, at: .now)
        replayBytes += (entries[id]?.line.replay.bytes ?? 0) - before
    }

    /// There is room again.
    private func goOn(_ port: Port) {
        if let id = line(of: port), entries[id]?.line.isGapped == true { tellGap(id) }
    }
}
