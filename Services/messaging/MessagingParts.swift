import Bus
import Contracts
import Edge
import Foundation
import NIOCore
import NIOPosix
import Reactor
import Realtime
import ServiceKit
import ServiceLifecycle
import Synchronization

/// The components of the service and their connections.
struct MessagingParts {
    let keys: KeySet
    let revocationFeed: RevocationFeed
    let routes: RouteTable
    let gateway: Gateway
    let membership: ClusterMembership
    let ticker: GatewayTicker
    let server: SocketServer

    /// In dependency order.
    var services: [any Service] { [membership, ticker, server] }

    init(_ context: ServiceContext, bus: Bus, thresholds: CurrentValue<MessagingThresholds>) throws {
        let settings = try MessagingSettings(context.settings)
        let http = try HTTPSettings(context.settings)
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: http.loops)
        let identity = MemberIdentity(
            instance: context.instance, incarnation: String(UInt32.random(in: .min ... .max), radix: 36),
            url: try settings.url ?? MessagingSettings.address(of: http, instance: context.instance),
            partitionCount: try context.settings.value(CommonSettings.partitionCount))
        let routes = RouteTable(bus: bus, logger: context.logger)
        let deliveries = DeliveryPublisher(bus)
        deliveries.follow(routes)
        let revocations = Revocations()
        let gateway = Self.gateway(
            identity, context, bus: bus, deliveries: deliveries, loops: loops, limits: settings.limits(thresholds.now),
            url: {
                // A route to this instance itself is older than the assignment.
                routes.instance(of: $0).flatMap { $0.name == context.instance ? nil : $0.url }
            }, revocations: revocations)
        context.health.add("revocationFeed", .dependency) {
            .feed(silentFor: revocations.silence, patience: Revocations.patience)
        }
        (keys, revocationFeed) = Self.identity(context, bus: bus, revocations: revocations, gateway: gateway)
        let membership = Self.membership(identity, context, bus: bus, gateway: gateway, routes: routes) { [keys] in
            keys.published != nil && revocations.areKnown
        }
        let authenticator = Self.authenticator(
            keys, revocations, gateway: gateway, maximumConnections: settings.connections)
        server = SocketServer(
            channel: SocketChannel(authenticator: authenticator), events: gateway,
            framesPerSecond: { Double(thresholds.now.framesPerSecond) }, loops: loops, host: http.host, port: http.port,
            heartbeatSeconds: settings.heartbeat, drain: { await membership.leave() }, logger: context.logger)
        self.routes = routes
        self.gateway = gateway
        self.membership = membership
        ticker = GatewayTicker(gateway: gateway)
        connect(bus, settings: settings, thresholds: thresholds)
    }

    /// Subscribes the components to what they must react to.
    private func connect(_ bus: Bus, settings: MessagingSettings, thresholds: CurrentValue<MessagingThresholds>) {
        routes.onRead { [membership] _ in membership.routesRead() }
        thresholds.onChange { [gateway] thresholds in
            gateway.io.post { gateway.assumeIsolated { $0.apply(settings.limits(thresholds)) } }
        }
        bus.subscribe(revocationFeed.subscription)
        bus.subscribe(routes.subscription)
        var subscription = EventSubscription()
        subscription.on(RoutesChanged.self) { [membership] _, _ in membership.heartbeatNow() }
        bus.subscribe(subscription)
    }

    private static func gateway(
        _ identity: MemberIdentity, _ context: ServiceContext, bus: Bus, deliveries: DeliveryPublisher,
        loops: MultiThreadedEventLoopGroup,
        limits: GatewayLimits, url: @escaping @Sendable (Int) -> String?, revocations: Revocations
    ) -> Gateway {
        Gateway(
            bus: bus, deliver: { try await deliveries.deliver($0, lifetime: .seconds(10)) }, revocations: revocations,
            partitionCount: identity.partitionCount, limits: limits, loops: Array(loops.makeIterator()),
            incarnation: identity.incarnation, url: url, on: context.io, logger: context.logger)
    }

    private static func membership(
        _ identity: MemberIdentity, _ context: ServiceContext, bus: Bus, gateway: Gateway, routes: RouteTable,
        canServe: @escaping @Sendable () -> Bool
    ) -> ClusterMembership {
        let membershipFlag = context.health.flag("membership", .own)
        let hooks = FeedHooks()
        let feed = DeliveryFeed(
            onStart: { hooks.onStart() }, onLost: { hooks.onLost() },
            onDelivery: { delivery, _ in gateway.assumeIsolated { $0.deliver(delivery) } })
        let membership = ClusterMembership(
            identity, bus: bus, isConnected: { await bus.isReady }, canServe: canServe, feed: feed, gateway: gateway,
            routes: routes, onReady: { membershipFlag.set($0 ? .up : .down("no lease from config")) }, on: context.io,
            logger: context.logger)
        hooks.set(
            onStart: {
                gateway.assumeIsolated { $0.restoreFeed() }
                membership.feedStarted()
            },
            onLost: {
                gateway.assumeIsolated { $0.loseFeed() }
                membership.feedLost()
            })
        bus.subscribe(feed)
        return membership
    }

    private static func identity(
        _ context: ServiceContext, bus: Bus, revocations: Revocations, gateway: Gateway
    ) -> (KeySet, RevocationFeed) {
        let hasKeys = context.health.flag("keys", .own)
        let hasRevocations = context.health.flag("revocations", .own)
        let feed = RevocationFeed(
            revocations, bus: bus, logger: context.logger,
            onRevoked: { sessions in gateway.io.post { gateway.assumeIsolated { $0.revoke(sessions) } } },
            onCaughtUp: { hasRevocations.set(.up) })
        return (KeySet(bus: bus, logger: context.logger) { hasKeys.set(.up) }, feed)
    }

    private static func authenticator(
        _ keys: KeySet, _ revocations: Revocations, gateway: Gateway, maximumConnections: Int
    ) -> HandshakeAuthenticator {
        HandshakeAuthenticator(verifier: TokenVerifier(keys: keys, revocations: revocations)) {
            guard gateway.isOpen.load(ordering: .relaxed) else {
                return .unavailable("This instance does not accept connections at the moment. Retry in a few seconds.")
            }
            guard gateway.metrics.connections.load(ordering: .relaxed) < maximumConnections else {
                return .unavailable("This instance is at capacity. Retry in a few seconds.")
            }
            return nil
        }
    }
}

extension MessagingSettings {
    fileprivate func limits(_ thresholds: MessagingThresholds) -> GatewayLimits {
        var limits = GatewayLimits()
        limits.heartbeatSeconds = heartbeat
        limits.apply(thresholds)
        return limits
    }
}

/// Passes the events of a delivery feed to components that are created after it.
private final class FeedHooks: Sendable {
    private let hooks = Mutex<(start: @Sendable () -> Void, lost: @Sendable () -> Void)>(({}, {}))

    func set(onStart: @escaping @Sendable () -> Void, onLost: @escaping @Sendable () -> Void) {
        hooks.withLock { $0 = (onStart, onLost) }
    }

    func onStart() { hooks.withLock { $0.start }() }
    func onLost() { hooks.withLock { $0.lost }() }
}

/// Calls ``Gateway/tick(now:)`` every second.
struct GatewayTicker: Service {
    let gateway: Gateway

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: .seconds(1))
                await gateway.tick(now: .now)
            }
        }
    }
}
