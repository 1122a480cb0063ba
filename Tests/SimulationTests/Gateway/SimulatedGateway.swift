import Contracts

@testable import Messaging

/// One instance: executes the commands of the real ``GatewayState`` on simulated sockets, and sends
/// heartbeats.
final class SimulatedGateway {
    let index: Int
    private unowned let simulation: GatewaySimulation
    private var simulator: Simulator { simulation.simulator }
    private var state: GatewayState
    private(set) var isUp = false
    /// Of the process; new with every start.
    private(set) var life = 0
    private var isFrozen = false
    /// What a frozen process has received, in order.
    private var backlog: [() -> Void] = []
    private var sockets: [SimulatedSocket?] = []
    private var commands: [GatewayCommand] = []
    private(set) var isOpen = false
    private var knowsRevocations = true
    private var feedIsUp = false
    /// Counts feeds: a delivery of an earlier one is lost.
    private(set) var feedNumber = 0
    private(set) var bound = PartitionSet()

    /// Monotonic time of every process.
    static let origin = ContinuousClock.now
    static let lease = Duration.seconds(2)

    init(_ index: Int, _ simulation: GatewaySimulation) {
        self.index = index
        self.simulation = simulation
        state = Self.state("")
    }

    private static func state(_ incarnation: String) -> GatewayState {
        var limits = GatewayLimits()
        limits.outbound = 1_500
        limits.replay = 1_000
        limits.outboundInAll = 6_000
        limits.resume = .seconds(4)
        limits.congestion = .seconds(3)
        limits.outage = .seconds(5)
        limits.handover = .seconds(1)
        limits.requests = 4
        return GatewayState(
            partitionCount: GatewaySimulation.partitionCount, incarnation: incarnation, limits: limits, now: origin)
    }

    private var instant: ContinuousClock.Instant { Self.origin + .milliseconds(simulator.now) }

    // MARK: The process

    func start() {
        if isUp { return }
        isUp = true
        life += 1
        state = Self.state("i\(index)x\(life)")
        sockets = []
        isOpen = false
        knowsRevocations = true
        bound = PartitionSet()
        later(1) { [unowned self] in
            restoreFeed()
            beatRepeatedly()
            tickRepeatedly()
        }
    }

    func crash(for milliseconds: Int64) {
        guard isUp else { return }
        simulator.record("instance \(index) crashes")
        isUp = false
        isFrozen = false
        backlog = []
        feedIsUp = false
        feedNumber += 1
        for socket in sockets { socket?.breakFromServer() }
        simulator.after(milliseconds) { [unowned self] in start() }
    }

    func freeze(for milliseconds: Int64) {
        guard isUp, !isFrozen else { return }
        simulator.record("instance \(index) freezes for \(milliseconds) ms")
        isFrozen = true
        let life = life
        simulator.after(milliseconds) { [unowned self] in if life == self.life { thaw() } }
    }

    private func thaw() {
        guard isFrozen else { return }
        isFrozen = false
        let work = backlog
        backlog = []
        for body in work { body() }
    }

    func recover() {
        thaw()
        start()
        later(0) { [unowned self] in
            knowsRevocations = true
            restoreFeed()
        }
    }

    /// Runs `body` after a delay, unless the process dies before. A frozen process runs it when it continues.
    func later(_ milliseconds: Int64, _ body: @escaping () -> Void) {
        let life = life
        simulator.after(milliseconds) { [unowned self] in
            guard isUp, life == self.life else { return }
            if isFrozen { backlog.append(body) } else { body() }
        }
    }

    // MARK: The rules

    private struct Inputs: GatewayInputs {
        unowned let gateway: SimulatedGateway
        let now: ContinuousClock.Instant

        var wallClock: Timestamp { Timestamp(millisecondsSinceEpoch: Host.beginning + gateway.simulator.now) }
        var sendDeadline: Timestamp { Timestamp(millisecondsSinceEpoch: gateway.simulator.now + 5_000) }
        var knowsRevocations: Bool { gateway.knowsRevocations }
        func status(of session: SessionID) -> SessionStatus { gateway.knowsRevocations ? .valid : .unknown }
        func bytesWaiting(in socket: SocketID) -> Int { gateway.socket(socket)?.waiting ?? 0 }
        func url(of partition: Int) -> String? { gateway.simulation.assigner.instance(of: partition).map { "\($0)" } }
        func reconnectDelay() -> Int { Int(gateway.simulator.between(0, 200)) }
    }

    @discardableResult
    private func update<Result>(_ body: (inout GatewayState, Inputs) -> Result) -> Result {
        let result = body(&state, Inputs(gateway: self, now: instant))
        state.drainCommands(into: &commands)
        let batch = commands
        commands = []
        for command in batch { execute(command) }
        return result
    }

    private func execute(_ command: GatewayCommand) {
        switch command {
        case .send(let text, let n, let socket): self.socket(socket)?.write(.frame(text, n: n))
        case .greet(let text, _, let socket): self.socket(socket)?.write(.hello(text))
        case .close(let socket, let reason): self.socket(socket)?.write(.close(reason))
        case .reportDrain(let socket): self.socket(socket)?.reportsDrain = true
        case .acceptHandshakes(let isOpen): self.isOpen = isOpen
        case .reportRelease: later(1) { [unowned self] in beat() }
        case .scheduleRelease: later(100) { [unowned self] in update { $0.releaseHeldMessages(given: $1) } }
        case .perform(let request, let id): perform(request, on: id)
        case .record(let occurrence): count(occurrence)
        case .open, .addReceipt, .changePresence: break
        }
    }

    private func count(_ occurrence: GatewayOccurrence) {
        simulator.record("instance \(index): \(occurrence)")
        switch occurrence {
        case .framesSkipped: simulation.counts.skips += 1
        case .sessionResumed: simulation.counts.resumes += 1
        case .clientMoved: simulation.counts.moves += 1
        default: break
        }
    }

    /// Whether frames are delivered to the user here.
    func serves(_ user: UserID) -> Bool {
        isUp && state.isOnline(user)
            && state.ownership.verdict(on: state.ownership.partition(of: user), at: instant) == .accept
    }

    // MARK: Sockets

    private func socket(_ id: SocketID) -> SimulatedSocket? { id.index < sockets.count ? sockets[id.index] : nil }

    /// - Returns: whether the handshake succeeds.
    func accept(_ socket: SimulatedSocket, of device: SimulatedDevice, resume: Resumption?) -> Bool {
        guard isUp, isOpen else { return false }
        later(simulator.between(1, 20)) { [unowned self] in
            let id = SocketID(index: sockets.firstIndex { $0 == nil } ?? sockets.count)
            if id.index < sockets.count { sockets[id.index] = socket } else { sockets.append(socket) }
            socket.id = id
            update { $0.connect(id, user: device.user, session: device.session, resume: resume, given: $1) }
            simulation.checkExclusivity()
        }
        return true
    }

    func closed(_ socket: SimulatedSocket) {
        guard let id = socket.id, self.socket(id) === socket else { return }
        update { $0.applyClose(of: id, given: $1) }
        sockets[id.index] = nil
    }

    func drained(_ socket: SimulatedSocket) {
        guard let id = socket.id, self.socket(id) === socket else { return }
        update { $0.applyDrain(of: id, given: $1) }
    }

    func receive(_ frame: ClientFrame, from socket: SimulatedSocket) {
        guard let id = socket.id, self.socket(id) === socket else { return }
        update { $0.receive(frame, from: id, given: $1) }
    }

    func acknowledge(upTo n: Int64, from socket: SimulatedSocket) {
        guard let id = socket.id, self.socket(id) === socket else { return }
        update { $0.acknowledge(upTo: n, from: id, given: $1) }
    }

    private func perform(_ request: ClientRequest, on id: ClientSession.ID) {
        guard case .send(let entry, let user) = request else { return }
        simulation.chats.send(entry.send, of: user) { [unowned self, life] result in
            guard life == self.life else { return }
            later(simulator.between(1, 10)) {
                let next = self.update { $0.finish(entry.send, on: id, with: result, given: $1) }
                if let next { self.perform(.send(next, user), on: id) }
            }
        }
    }

    // MARK: Deliveries

    func receive(_ delivery: Delivery, after milliseconds: Int64) {
        let number = feedNumber
        later(milliseconds) { [unowned self] in
            if number == feedNumber { update { $0.deliver(delivery, given: $1) } }
        }
    }

    /// Whether a delivery to these partitions reaches the instance now.
    func isBound(to partitions: Set<Int>) -> Bool { isUp && feedIsUp && !bound.members.isDisjoint(with: partitions) }

    func loseFeed(for milliseconds: Int64) {
        guard isUp, feedIsUp else { return }
        simulator.record("instance \(index) loses its feed")
        feedIsUp = false
        feedNumber += 1
        later(0) { [unowned self] in
            bound = PartitionSet()
            update { $0.loseFeed(given: $1) }
        }
        later(milliseconds) { [unowned self] in restoreFeed() }
    }

    private func restoreFeed() {
        if feedIsUp { return }
        feedIsUp = true
        bind()
        update { $0.restoreFeed(given: $1) }
    }

    func loseRevocations(for milliseconds: Int64) {
        later(0) { [unowned self] in knowsRevocations = false }
        later(milliseconds) { [unowned self] in knowsRevocations = true }
    }

    // MARK: Heartbeats

    private func tickRepeatedly() {
        update { $0.tick(given: $1) }
        simulation.checkExclusivity()
        later(1_000) { [unowned self] in tickRepeatedly() }
    }

    private func beatRepeatedly() {
        beat()
        later(500) { [unowned self] in beatRepeatedly() }
    }

    private func beat() {
        let (sentAt, report) = (instant, state.report())
        let heartbeat = SimulatedAssigner.Heartbeat(
            instance: index, life: life, epoch: report.epoch, bound: bound, held: report.held)
        if !simulation.isCalm, simulator.happens(simulation.faults.loseHeartbeat) { return }
        simulator.after(simulator.between(1, 20)) { [unowned self] in
            let answer = simulation.assigner.receive(heartbeat)
            if !simulation.isCalm, simulator.happens(simulation.faults.loseHeartbeat) { return }
            guard heartbeat.life == life else { return }
            later(simulator.between(1, 20)) { [unowned self] in
                if let answer { apply(answer, sentAt: sentAt) } else { state.extendLease(by: Self.lease, sentAt: sentAt) }
                simulation.checkExclusivity()
                if state.report().held != report.held { later(1) { [unowned self] in beat() } }
            }
        }
    }

    private func apply(_ answer: Heartbeat.Response, sentAt: ContinuousClock.Instant) {
        switch update({ $0.apply(answer, sentAt: sentAt, given: $1) }) {
        case .outdated: return
        case .applied: redirectClients()
        // The routes are read first.
        case .needsRoutes: later(simulator.between(1, 300)) { [unowned self] in redirectClients() }
        }
        later(simulator.between(1, 40)) { [unowned self] in
            let before = bound
            bind()
            if before != bound { beat() }
        }
    }

    private func redirectClients() {
        update { $0.redirectClients(given: $1) }
        simulation.checkExclusivity()
    }

    private func bind() {
        guard feedIsUp else { return }
        let report = state.report()
        bound = report.assigned.union(report.held)
    }
}
