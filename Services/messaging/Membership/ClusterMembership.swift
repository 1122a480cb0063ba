import Bus
import Contracts
import Logging
import Reactor
import Realtime
import ServiceKit
import ServiceLifecycle

/// Keeps this instance a member of the cluster: sends heartbeats, applies the assignments that answer them,
/// and hands partitions over. ``MembershipState`` holds the rules.
actor ClusterMembership: Service {
    private typealias Signal = AsyncStream<Void>

    private static let heartbeatInterval = Duration.milliseconds(500)
    /// How long disconnected clients wait for the routes that tell them where to go.
    private static let routesTimeout = Duration.milliseconds(300)

    nonisolated let io: IOThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private let bus: any ProcedureCaller
    private let isConnected: @Sendable () async -> Bool
    private let canServe: @Sendable () -> Bool
    private let feed: DeliveryFeed
    private let gateway: Gateway
    private let routes: RouteTable
    private let onReady: @Sendable (Bool) -> Void
    private let logger: Logger
    private let loadMeter: LoadMeter

    private var state: MembershipState
    private var isSendingHeartbeat = false
    /// Heartbeats that wait for the one in flight.
    private var heartbeatWaiters: [CheckedContinuation<Void, Never>] = []
    private let heartbeats: Signal
    private nonisolated let requestHeartbeat: Signal.Continuation
    private let bindingUpdates: Signal
    private let requestBindingUpdate: Signal.Continuation
    private let departureChecks: Signal
    private let requestDepartureCheck: Signal.Continuation

    /// - Parameters:
    ///   - isConnected: whether this process is connected to the broker and consumes.
    ///   - canServe: whether it can verify tokens. Before that it receives no partitions.
    ///   - onReady: called when load balancers should start or stop sending clients here.
    init(
        _ identity: MemberIdentity, bus: any ProcedureCaller, isConnected: @escaping @Sendable () async -> Bool,
        canServe: @escaping @Sendable () -> Bool, feed: DeliveryFeed, gateway: Gateway, routes: RouteTable,
        onReady: @escaping @Sendable (Bool) -> Void, on io: IOThread, logger: Logger
    ) {
        self.bus = bus
        self.isConnected = isConnected
        self.canServe = canServe
        self.feed = feed
        self.gateway = gateway
        self.routes = routes
        self.onReady = onReady
        self.io = io
        self.logger = logger
        loadMeter = LoadMeter(gateway.metrics)
        state = MembershipState(identity)
        (heartbeats, requestHeartbeat) = Signal.makeStream(bufferingPolicy: .bufferingNewest(1))
        (bindingUpdates, requestBindingUpdate) = Signal.makeStream(bufferingPolicy: .bufferingNewest(1))
        (departureChecks, requestDepartureCheck) = Signal.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: Events, from any thread

    /// Sends a heartbeat without waiting for the interval, because the assignment or this instance has
    /// changed.
    nonisolated func heartbeatNow() { requestHeartbeat.yield() }

    /// The feed has started with the partitions that were bound before.
    nonisolated func feedStarted() {
        io.post { self.assumeIsolated { $0.signal($0.state.feedStarted(bound: $0.feed.wanted)) } }
    }

    nonisolated func feedLost() { io.post { self.assumeIsolated { $0.state.feedLost() } } }

    /// The route table has read the routes.
    nonisolated func routesRead() { Task(executorPreference: io) { await self.evaluateRoutes() } }

    /// The last connection of partitions that moved elsewhere is closed.
    nonisolated func connectionsReleased() {
        io.post {
            self.assumeIsolated { membership in
                membership.signal(membership.state.connectionsReleased())
                membership.requestDepartureCheck.yield()
            }
        }
    }

    // MARK: Heartbeats

    /// Sends heartbeats until shutdown.
    ///
    /// - Throws: ``ConfigurationError`` when this instance is configured with another number of partitions
    ///   than the deployment has.
    func run() async throws {
        await gateway.onConnectionsReleased { [weak self] in self?.connectionsReleased() }
        await gateway.start()
        heartbeatNow()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in self.bindingUpdates { await self.updateBindings() } }
            group.addTask { for await _ in self.heartbeats.cancelOnGracefulShutdown() { try await self.sendHeartbeat() } }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.heartbeatInterval)
                    self.heartbeatNow()
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Sends one heartbeat at a time. Of two in flight, different instances of `config` could store the older
    /// one last, and its report would keep partitions that this instance has released until the lease
    /// expires.
    private func sendHeartbeat() async throws {
        while isSendingHeartbeat { await withCheckedContinuation { heartbeatWaiters.append($0) } }
        isSendingHeartbeat = true
        defer {
            isSendingHeartbeat = false
            for waiter in heartbeatWaiters { waiter.resume() }
            heartbeatWaiters = []
        }
        try await exchangeHeartbeat()
    }

    private func exchangeHeartbeat() async throws {
        let report = await gateway.report()
        let sentAt = ContinuousClock.now
        let load = loadMeter.measure(connections: report.connections)
        guard let heartbeat = state.heartbeat(report, load: load, canServe: canServe(), at: sentAt) else { return }
        do {
            let response = try await bus.call(heartbeat)
            await perform(state.answered(response, sentAt: sentAt, at: .now), after: heartbeat)
        } catch let error as ServiceError where error.code == .conflict {
            logger.critical("membership refused by config", metadata: ["error": "\(error.message)"])
            throw ConfigurationError("\(CommonSettings.partitionCount.variable) is wrong: \(error.message)")
        } catch {
            await perform(state.failed(HeartbeatFailure(error), sentAt: sentAt), after: heartbeat)
            let (isConnected, report) = (await isConnected(), await gateway.report())
            signal(state.leaseChecked(isValid: report.hasLease(at: .now), isConnected: isConnected))
        }
    }

    private func apply(_ response: Heartbeat.Response, sentAt: ContinuousClock.Instant, after heartbeat: Heartbeat) async {
        await gateway.apply(response, sentAt: sentAt) { [routes] in
            // Disconnected clients learn their new instance from the routes of this very assignment.
            if (routes.routes?.epoch ?? -1) >= response.epoch { return }
            await routes.readOnce(within: Self.routesTimeout)
        }
        await evaluateRoutes()
        signal(state.assignmentApplied(await gateway.report(), sent: heartbeat))
        requestDepartureCheck.yield()
    }

    private func evaluateRoutes() async {
        guard let current = routes.routes else { return }
        for case .partitionsReassigned(let partitions) in state.routesRead(current) {
            await gateway.partitionsReassigned(partitions)
        }
        requestDepartureCheck.yield()
    }

    // MARK: Actions

    private func perform(_ actions: [MembershipState.Action], after heartbeat: Heartbeat) async {
        for action in actions {
            switch action {
            case .applyAssignment(let response, let sentAt): await apply(response, sentAt: sentAt, after: heartbeat)
            case .extendLease(let lease, let sentAt): await gateway.extendLease(by: lease, sentAt: sentAt)
            default: signal([action])
            }
        }
    }

    /// Performs the actions that need no suspension.
    private func signal(_ actions: [MembershipState.Action]) {
        for action in actions {
            switch action {
            case .sendHeartbeat: heartbeatNow()
            case .sendHeartbeatAfter(let delay): io.schedule(after: delay) { [requestHeartbeat] in requestHeartbeat.yield() }
            case .updateBindings: requestBindingUpdate.yield()
            case .setReady(let isReady): onReady(isReady)
            case .leaseGranted: logger.notice("lease granted")
            case .leaseLost: logger.notice("lease lost")
            case .applyAssignment, .extendLease, .partitionsReassigned: break
            }
        }
    }

    /// Binds and unbinds partitions beside the heartbeats, which report the progress.
    private func updateBindings() async {
        do {
            while true {
                let generation = state.feedGeneration
                switch state.nextBinding(requested: feed.wanted) {
                case .none: return
                case .bind(let partitions):
                    try await feed.bind(partitions)
                    signal(state.bound(partitions, in: generation))
                case .unbind(let partitions): try await feed.unbind(partitions)
                }
            }
        } catch {
            // The feed binds them before its next start.
            logger.info("partition binding postponed", metadata: ["error": "\(error.code.rawValue)"])
        }
    }

    // MARK: Departure

    /// Hands all partitions over, then disconnects the remaining clients and ends the membership.
    ///
    /// Takes at most 20 s and one heartbeat. Cancellation skips the handover.
    func leave() async {
        signal(state.leave(await gateway.report(), at: .now))
        var checks = departureChecks.makeAsyncIterator()
        while case .wait(let end) = state.departureStep(await gateway.report(), at: .now) {
            let timeLeft = ContinuousClock.now.duration(to: end)
            let timer = io.schedule(after: timeLeft) { [requestDepartureCheck] in requestDepartureCheck.yield() }
            let isCancelled = await checks.next(isolation: self) == nil
            io.cancel(timer)
            if isCancelled { break }
        }
        await gateway.close()
        try? await sendHeartbeat()
        state.left()
    }
}
