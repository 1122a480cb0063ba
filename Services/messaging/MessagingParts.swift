import Bus
import Contracts
import Foundation
import Edge
import NIOCore
import NIOPosix
import Reactor
import Realtime
import ServiceKit
import ServiceLifecycle
import Synchronization

/// The service, put together.
struct MessagingParts {
    let keys: KeySet
    let revocationFeed: RevocationFeed
    let routes: RouteTable
    let hub: Hub
    let membership: Membership
    let clockwork: Clockwork
    let server: SocketServer

    /// In the order in which they depend on one another.
    var live: [any Service] { [membership, clockwork, server] }

    init(_ context: ServiceContext, bus: Bus, thresholds: CurrentValue<MessagingThresholds>) throws {
        let (settings, http) = (try MessagingSettings(context.settings), try HTTPSettings(context.settings))
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: http.loops)
        let identity = Membership.Identity(
            instance: context.instance, incarnation: String(UInt32.random(in: .min ... .max), radix: 36),
            url: try settings.url ?? MessagingSettings.address(of: http, instance: context.instance),
            partitionCount: try context.settings.value(CommonSettings.partitionCount))
        let routes = RouteTable(bus: bus, logger: context.logger)
        let deliveries = DeliveryPublisher(bus)
        deliveries.follow(routes)
        let revocations = Revocations()
        var limits = HubLimits()
        limits.heartbeatSeconds = settings.heartbeat
        limits.take(thresholds.now)
        let hub = Hub(
            bus: bus, deliver: { try await deliveries.deliver($0, lifetime: .seconds(10)) }, revocations: revocations,
            partitionCount: identity.partitionCount, limits: limits, thresholds: { $0.take(thresholds.now) },
            loops: Array(loops.makeIterator()),
            incarnation: identity.incarnation,
            address: { partition in
                // Our own address says that the routes are older than what we know.
                routes.instance(of: partition).flatMap { $0.name == context.instance ? nil : $0.url }
            }, on: context.io, logger: context.logger)
        context.health.add("revocationFeed", .dependency) {
            .feed(silentFor: revocations.silence, patience: Revocations.patience)
        }
        (keys, revocationFeed) = Self.identity(context, bus, revocations, hub)
        let membership = Self.membership(identity, context, bus, hub, routes) { [keys] in
            keys.published != nil && revocations.areKnown
        }
        server = SocketServer(
            channel: SocketChannel(door: Self.door(keys, revocations, hub, atMost: settings.connections)), events: hub,
            framesPerSecond: { Double(thresholds.now.framesPerSecond) }, loops: loops, host: http.host, port: http.port,
            heartbeatSeconds: settings.heartbeat,
            farewell: { await membership.leave() }, logger: context.logger)
        (self.routes, self.hub, self.membership) = (routes, hub, membership)
        clockwork = Clockwork(hub: hub, on: context.io)
        routes.onRead { [membership] _ in membership.routesAreRead() }
        listen(on: bus)
    }

    /// The routes are read anew, and the heart beats, when there is news of them.
    private func listen(on bus: Bus) {
        bus.subscribe(revocationFeed.subscription)
        bus.subscribe(routes.subscription)
        var news = EventSubscription()
        news.on(RoutesChanged.self) { [membership] _, _ in membership.beatNow() }
        bus.subscribe(news)
    }

    private static func membership(
        _ identity: Membership.Identity, _ context: ServiceContext, _ bus: Bus, _ hub: Hub, _ routes: RouteTable,
        canServe: @escaping @Sendable () -> Bool
    ) -> Membership {
        let membershipFlag = context.health.flag("membership", .own)
        let hooks = FeedHooks()
        let feed = DeliveryFeed(
            onStart: { hooks.onStart() }, onLost: { hooks.onLost() },
            onDelivery: { delivery, _ in hub.assumeIsolated { $0.deliver(delivery) } })
        let membership = Membership(
            identity, bus: bus, isConnected: { await bus.isReady }, canServe: canServe, feed: feed, hub: hub, routes: routes,
            onStanding: { membershipFlag.set($0 ? .up : .down("no lease from config")) }, on: context.io, logger: context.logger)
        hooks.set(
            onStart: {
                hub.assumeIsolated { $0.feedIsBack() }
                membership.feedIsBack()
            },
            onLost: {
                hub.assumeIsolated { $0.feedIsLost() }
                membership.feedIsLost()
            })
        bus.subscribe(feed)
        return membership
    }

    private static func identity(_ context: ServiceContext, _ bus: Bus, _ revocations: Revocations, _ hub: Hub) -> (
        KeySet, RevocationFeed
    ) {
        let (haveKeys, caughtUp) = (context.health.flag("keys", .own), context.health.flag("revocations", .own))
        let io = context.io
        let feed = RevocationFeed(
            revocations, bus: bus, logger: context.logger,
            onRevoked: { sessions in Task(executorPreference: io) { await hub.cut(sessions) } },
            onCaughtUp: { caughtUp.set(.up) })
        return (KeySet(bus: bus, logger: context.logger) { haveKeys.set(.up) }, feed)
    }

    private static func door(_ keys: KeySet, _ revocations: Revocations, _ hub: Hub, atMost limit: Int) -> Door {
        Door(verifier: TokenVerifier(keys: keys, revocations: revocations)) {
            guard hub.isOpen.load(ordering: .relaxed) else { return .unavailable("This instance has no users at the moment.") }
            guard hub.figures.connections.load(ordering: .relaxed) < limit else { return .unavailable("This instance is full.") }
            return nil
        }
    }
}

/// What a feed calls, for those who are made after it.
private final class FeedHooks: Sendable {
    private let hooks = Mutex<(start: @Sendable () -> Void, lost: @Sendable () -> Void)>(({}, {}))

    func set(onStart: @escaping @Sendable () -> Void, onLost: @escaping @Sendable () -> Void) {
        hooks.withLock { $0 = (onStart, onLost) }
    }

    func onStart() { hooks.withLock { $0.start }() }
    func onLost() { hooks.withLock { $0.lost }() }
}

/// Has the hub look after what is due, every second.
struct Clockwork: Service {
    let hub: Hub
    let io: IOThread

    init(hub: Hub, on io: IOThread) { (self.hub, self.io) = (hub, io) }

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: .seconds(1))
                await hub.tick(now: .now)
            }
        }
    }
}
