import Contracts

@testable import Config

/// An instance of `config`: its real rules, with simulated I/O.
final class ConfigHost: SimulatedProcess {
    private let rows: RoutingRows
    private let limit: Int
    private let timing = LeaseTiming()
    private(set) var state: LeaderState
    private var peers: PeerLeaderMonitor
    private var isBusy = false
    /// Disconnected from the broker, and aware of it.
    var isDisconnected = false
    /// The broker hangs: nothing arrives, and this process is not aware of it.
    var isDeaf = false
    /// Postgres is unreachable.
    var isCutOff = false
    private let publishRoutesChanged: () -> Void
    /// Sends a leader heartbeat to all instances of `config`.
    private let publish: (RoutingPulse) -> Void

    init(
        _ name: String, _ network: SimulatedNetwork, rows: RoutingRows, limit: Int,
        publishRoutesChanged: @escaping () -> Void, publish: @escaping (RoutingPulse) -> Void
    ) {
        self.rows = rows
        self.limit = limit
        self.publishRoutesChanged = publishRoutesChanged
        self.publish = publish
        state = LeaderState(timing, limit: limit)
        peers = PeerLeaderMonitor(timing)
        super.init(name, network)
    }

    /// The broker delivers heartbeats to it.
    var isConsuming: Bool { isAlive && !isDisconnected }
    /// It processes what the broker delivers.
    var isResponsive: Bool { isConsuming && !isDeaf && !isPaused }

    override func start() {
        super.start()
        state = LeaderState(timing, limit: limit)
        peers = PeerLeaderMonitor(timing)
        isBusy = false
        poll()
    }

    private func poll() {
        turn()
        later((state.hasHandovers ? timing.pollDuringHandover : timing.poll).milliseconds) { [self] in poll() }
    }

    // MARK: Members' requests

    /// Answers a heartbeat; `nil` for no response.
    func heartbeat(_ heartbeat: Heartbeat) -> Result<Heartbeat.Response, ServiceError>? {
        guard isResponsive else { return nil }
        if isCutOff { return .failure(refusal()) }
        guard let recorded = rows.record(heartbeat) else {
            return .failure(ServiceError(.stale, "a later heartbeat is recorded"))
        }
        if recorded.reportChanged { later(0) { [self] in turn() } }
        return .success(recorded.response)
    }

    /// As ``RoutingService`` does while Postgres is unavailable.
    private func refusal() -> ServiceError {
        if peers.isFresh(at: clock) { return ServiceError(.unavailable, "Postgres is unavailable here", cause: .elsewhere) }
        publish(RoutingPulse(instance: name, isCut: true))
        return ServiceError(.unavailable, "Postgres is unavailable", cause: .standstill)
    }

    func routes() -> Routes? { isResponsive && !isCutOff ? rows.routes : nil }

    /// A leader heartbeat was published.
    func receive(_ heartbeat: RoutingPulse) {
        later(network.number(1...10)) { [self] in
            guard isConsuming, !isDeaf else { return }
            state.receivedLeaderHeartbeat(isOwn: heartbeat.instance == name, isCut: heartbeat.isCut, at: clock)
            if heartbeat.instance != name { peers.received(heartbeat, at: clock) }
        }
    }

    // MARK: Leading, as ``RoutingLeader`` does

    private func query<Answer>(_ work: @escaping () -> Answer?, then: @escaping (Answer?) -> Void) {
        let run = run
        if isCutOff { return network.after(20) { self.resume(run) { then(nil) } } }
        network.request(work) { answer in self.resume(run) { then(answer) } }
    }

    private func turn() {
        if isBusy { return }
        isBusy = true
        let lease = timing.lease.milliseconds
        switch state.due(at: clock, isConnected: !isDisconnected) {
        case nil: lead()
        case .acquire:
            query({ [self] in rows.acquire(name, for: lease) as Int64?? }) { [self] term in
                guard let term else { return failed() }
                state.settled(term, at: clock)
                lead()
            }
        case .renew(let term):
            query({ [self] in rows.renew(name, term: term, for: lease) }) { [self] isRenewed in
                guard let isRenewed else { return failed() }
                if !isRenewed { state.settled(nil, at: clock) }
                lead()
            }
        }
    }

    private func lead() {
        if isConsuming, !isDeaf, state.heartbeatIsDue(at: clock) { publish(RoutingPulse(instance: name, isCut: false)) }
        if state.term == nil { return isBusy = false }
        if state.table != nil { return evaluate() }
        query({ [self] in rows.table }) { [self] table in
            guard let table else { return failed() }
            state.loaded(table)
            evaluate()
        }
    }

    private func evaluate() {
        let known = state.knownVersions
        query({ [self] in rows.rows(known: known) }) { [self] rows in
            guard let rows else { return failed() }
            guard let change = state.evaluate(rows, at: clock) else { return isBusy = false }
            write(change)
        }
    }

    private func write(_ change: RoutingChange) {
        query({ [self] in rows.write(change, by: name) }) { [self] isWritten in
            guard let isWritten else { return failed() }
            isBusy = false
            if !isWritten { return state.failed(wasUnavailable: false) }
            state.wrote(change)
            publishRoutesChanged()
        }
    }

    private func failed() {
        isBusy = false
        state.failed(wasUnavailable: true)
    }
}
