import Reactor

extension PostgresPool {
    /// The time without input on the connection in a slot while an answer is due.
    func silence(of slot: Int) -> Duration {
        shared[slot]?.assumeIsolated { $0.silence(at: .now) } ?? .zero
    }

    /// Detects an unresponsive server before the server's own timeout.
    ///
    /// While answers are due, checks every 250 ms whether all shared connections have been silent for a
    /// second. The cause may be slow statements, a hanging server or a broken network. Therefore a new
    /// connection probes the server. If it is not answered within 2 s, all silent connections are closed.
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
                $0.close(.connectionLost, "the server is unresponsive, also to a new connection")
            }
        }
    }
}
