import Bus
import Contracts
import Logging
import Reactor
import Realtime
import ServiceKit
import ServiceLifecycle
import Synchronization

/// Keeps this instance a member: says that it is there, takes what `config` assigns to it, and hands over what it is to give.
actor Membership: Service {
    struct Identity: Sendable {
        /// Of the process, among those of the service.
        let instance: String
        /// New with every start.
        let incarnation: String
        let url: String
        let partitionCount: Int
    }

    private static let interval = Duration.milliseconds(500)
    /// How long the routes may take while somebody waits to be sent away.
    private static let glance = Duration.milliseconds(300)
    /// Before another instance of `config` is asked.
    private static let pause = Duration.milliseconds(50)
    /// For which partitions stay ours while nobody can give them away.
    private static let lease = Duration.seconds(2)
    /// How long leaving may take while there is somebody to take over: a process has 25 s to stop, and its last words take some.
    private static let farewell = Duration.seconds(20)
    /// The same while nothing is assigned anew: then the others leave as well, or nobody assigns.
    private static let patience = Duration.seconds(8)

    nonisolated let io: IOThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private let identity: Identity
    private let bus: any ProcedureCaller
    /// Whether the broker is there and heard.
    private let isConnected: @Sendable () async -> Bool
    /// Whether it can tell who its clients are: before that it is given none.
    private let canServe: @Sendable () -> Bool
    private let feed: DeliveryFeed
    private let hub: Hub
    private let routes: RouteTable
    private let logger: Logger
    private let meter: LoadMeter
    private let beats: AsyncStream<Void>
    private nonisolated let hurry: AsyncStream<Void>.Continuation
    private let onStanding: @Sendable (Bool) -> Void
    private let binds: AsyncStream<Void>
    private let bindMore: AsyncStream<Void>.Continuation
    private var bindings = Bindings()
    private var isLeaving = false
    private var isMember = false
    private var standing = Standing()
    private var deafness = Deafness()
    private var lastRoutes: Routes?
    /// Nothing more is said: whoever spoke again would be a member again.
    private var isGone = false

    init(
        _ identity: Identity, bus: any ProcedureCaller, isConnected: @escaping @Sendable () async -> Bool,
        canServe: @escaping @Sendable () -> Bool, feed: DeliveryFeed, hub: Hub, routes: RouteTable,
        onStanding: @escaping @Sendable (Bool) -> Void, on io: IOThread, logger: Logger
    ) {
        (self.identity, self.bus, self.isConnected, self.feed) = (identity, bus, isConnected, feed)
        self.canServe = canServe
        (self.hub, self.routes, self.io, self.logger, self.onStanding) = (hub, routes, io, logger, onStanding)
        meter = LoadMeter(hub.figures)
        (beats, hurry) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        (binds, bindMore) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Something has changed: the next heartbeat is due now.
    nonisolated func beatNow() { hurry.yield() }

    /// What was bound is lost with the connection, and bound again before the feed starts anew.
    nonisolated func feedIsBack() { Task(executorPreference: io) { await self.rebound() } }
    nonisolated func feedIsLost() { Task(executorPreference: io) { await self.unbound() } }

    private func rebound() {
        deafness.feedIsBack()
        bindings.feedIsBack(with: feed.wanted)
        bindMore.yield()
        beatNow()
    }

    private func unbound() {
        deafness.feedIsLost()
        bindings.feedIsLost()
    }

    /// The routes were read anew. From any thread.
    nonisolated func routesAreRead() { Task(executorPreference: io) { await self.noteRoutes() } }

    private func noteRoutes() async {
        guard let present = routes.routes, present.epoch != lastRoutes?.epoch else { return }
        let moved = present.moved(since: lastRoutes)
        lastRoutes = present
        if !moved.isEmpty { await hub.changedHands(moved) }
    }

    /// Beats until shutdown.
    ///
    /// - Throws: ``ConfigurationError`` when this instance can never be a member: it was started with another number of partitions.
    func run() async throws {
        let clockwork = Task { [hurry] in
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.interval)
                hurry.yield()
            }
        }
        defer { clockwork.cancel() }
        await hub.begin()
        beatNow()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in self.binds { await self.rebind() } }
            group.addTask { for await _ in self.beats.cancelOnGracefulShutdown() { try await self.beat() } }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func beat() async throws {
        guard !isGone, isMember || canServe() && deafness.hasEverHeard else { return }
        let asked = ContinuousClock.now
        let heartbeat = Heartbeat(
            instance: identity.instance, incarnation: identity.incarnation, url: identity.url,
            partitionCount: identity.partitionCount, epoch: await hub.ownership.epoch, bound: bindings.bound,
            served: await hub.held,
            load: meter.read(), isLeaving: isLeaving || deafness.lasts(at: asked))
        do {
            await take(try await bus.call(heartbeat), asked, after: heartbeat)
        } catch let error as ServiceError where error.code == .conflict {
            logger.critical("this instance cannot be a member", metadata: ["reason": "\(error.message)"])
            throw ConfigurationError("\(CommonSettings.partitionCount.variable) is wrong: \(error.message)")
        } catch {
            await failed(error, asked)
        }
    }

    private func take(_ answer: Heartbeat.Response, _ asked: ContinuousClock.Instant, after heartbeat: Heartbeat) async {
        note(isMember: true)
        deafness.isHeard(at: .now)
        standing.hasLease()
        onStanding(standing.isGood)
        await hub.take(answer, asked: asked) { [routes] in
            // Whoever is sent away is told where to, by the routes of this very assignment; but nobody waits for them long.
            if (routes.routes?.epoch ?? -1) >= answer.epoch { return }
            await routes.readOnce(within: Self.glance)
        }
        await noteRoutes()
        let held = await hub.held
        bindings.want(await hub.ownership.wanted.union(held))
        bindMore.yield()
        if held != heartbeat.served { beatNow() }
    }

    private func failed(_ error: any Error, _ asked: ContinuousClock.Instant) async {
        switch Setback(error) {
        case .standstill: await hub.keepLease(for: Self.lease, asked: asked)
        case .askAgain: io.schedule(after: Self.pause) { [hurry] in hurry.yield() }
        case .unheard: deafness.isUnheard()
        }
        let (hasLease, isConnected) = (await hub.ownership.hasLease(at: .now), await isConnected())
        if hasLease { return }
        note(isMember: false)
        standing.hasNoLease(isConnected: isConnected)
        onStanding(standing.isGood)
    }

    /// Beside the heartbeats, which say how far it is.
    private func rebind() async {
        do {
            while true {
                let life = bindings.life
                switch bindings.next(asked: feed.wanted) {
                case .nothing: return
                case .bind(let partitions):
                    try await feed.bind(partitions)
                    bindings.areBound(partitions, in: life)
                    beatNow()
                case .unbind(let partitions): try await feed.unbind(partitions)
                }
            }
        } catch {
            // With the next start of the feed they are.
            logger.info("partitions are not bound yet", metadata: ["error": "\(error.code.rawValue)"])
        }
    }

    private func note(isMember: Bool) {
        if isMember == self.isMember { return }
        self.isMember = isMember
        logger.notice(isMember ? "a member, with a lease" : "the lease has run out")
    }

    // MARK: The end

    /// Gives everything away, to whoever is there; then lets go of who is left.
    func leave() async {
        isLeaving = true
        beatNow()
        let end = ContinuousClock.now + Self.farewell
        var (epoch, patience) = (await hub.ownership.epoch, ContinuousClock.now + Self.patience)
        while ContinuousClock.now < min(end, patience), await !hub.held.isEmpty, hasOthers {
            try? await Task.sleep(for: .milliseconds(20))
            let present = await hub.ownership.epoch
            if present != epoch { (epoch, patience) = (present, .now + Self.patience) }
        }
        await hub.close()
        try? await beat()
        isGone = true
    }

    private var hasOthers: Bool { routes.routes?.instances.contains { $0.name != identity.instance } ?? false }
}
