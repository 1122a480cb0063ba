import Reactor

extension PostgresPool {
    /// For how long the connection in a slot has said nothing although an answer is due.
    func silence(of slot: Int) -> Duration {
        shared[slot]?.assumeIsolated { $0.silence(at: .now) } ?? .zero
    }

    /// While answers are due: looks every 250 ms whether all shared connections have been silent for a second. That may be slow statements, or a server that
    /// hangs, or a network that has lost it; so it is asked on another connection, and when that is not answered either within 2 s, all silent ones are
    /// given up. Their callers, and all after them, learn so long before the server's own timeout would have answered them.
    func watchForSilence() {
        if isWatchingForSilence { return }
        isWatchingForSilence = true
        io.schedule(after: .milliseconds(250)) { [weak self] in self?.assumeIsolated { $0.checkSilence() } }
    }

    private func checkSilence() {
        isWatchingForSilence = false
        if state.loads.allSatisfy({ ($0 ?? 0) == 0 }) { return }
        guard isSilent else { return watchForSilence() }
        isWatchingForSilence = true
        Task(executorPreference: io) { await self.probeServer() }
    }

    private var isSilent: Bool {
        shared.indices.allSatisfy { shared[$0] == nil || silence(of: $0) > .seconds(1) }
    }

    private func probeServer() async {
        let configuration = configuration
        let isAnswered = (try? await Blocking.run { OpenedConnection.isAnswered(configuration) }) ?? true
        if !isAnswered, isSilent { closeSilentConnections() }
        isWatchingForSilence = false
        watchForSilence()
    }

    private func closeSilentConnections() {
        for connection in shared.compactMap(\.self) {
            connection.assumeIsolated {
                $0.close(.connectionLost, "the server has said nothing for too long, and nothing to a new connection")
            }
        }
    }
}
