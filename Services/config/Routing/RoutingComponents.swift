import Bus
import Contracts
import Logging
import Postgres
import Reactor
import ServiceKit

/// The components that assign partitions to instances of `messaging`.
struct RoutingComponents: Sendable {
    let leader: RoutingLeader
    let service: RoutingService
    private let logger: Logger

    init(_ context: ServiceContext, database: PostgresPool, bus: Bus) throws {
        // Postgres is shared: once this process has been ready, an outage of Postgres does not make it
        // unready.
        let flag = context.health.flag("routing", .own, initially: .down("Postgres has not been read yet"))
        self.init(
            try RoutingSettings(context.settings), instance: context.instance, database: database, bus: bus, on: context.io,
            logger: context.logger
        ) { status in
            if let status { return flag.set(status.report) }
            if flag.report.status != .down { flag.set(.degraded("Postgres is unavailable: no partition is reassigned")) }
        }
    }

    init(
        _ settings: RoutingSettings, instance: String, timing: LeaseTiming = LeaseTiming(), database: PostgresPool, bus: Bus,
        on io: IOThread, logger: Logger, onStatus: @escaping @Sendable (RoutingLeader.Status?) -> Void
    ) {
        let store = RoutingStore(database: database)
        let partitionCountGuard = PartitionCountGuard(configured: settings.partitionCount)
        let leader = RoutingLeader(
            store: store, instance: instance, limit: settings.limit, timing: timing, partitionCountGuard: partitionCountGuard,
            on: io, logger: logger, isConnected: { await bus.isReady }, publish: { try? await bus.broadcast($0) },
            onStatus: onStatus)
        self.leader = leader
        self.logger = logger
        service = RoutingService(
            heartbeats: HeartbeatStore(database: database), routesCache: RoutesCache(store),
            partitionCountGuard: partitionCountGuard, timing: timing,
            standstill: StandstillNotifier(instance, timing: timing) { try await bus.broadcast($0) },
            onReportChanged: { leader.wake() })
    }

    /// Registers the procedures. Call before the bus runs.
    func serve(on bus: Bus) {
        var feed = EventSubscription()
        feed.on(RoutingPulse.self) { [leader, service] heartbeat, _ in
            leader.received(heartbeat)
            service.standstill.received(heartbeat)
        }
        feed.onLost { [leader] in leader.lostLeaderHeartbeats() }
        bus.subscribe(feed)
        // A member that is refused for want of a slot loses its lease, so the limit is above any number of
        // members.
        let server = ProcedureServer(bus, logger: logger)
        server.serve(Heartbeat.self, atMost: 20_000) { [service] request, _ in try await service.heartbeat(request) }
        server.serve(GetRoutes.self, as: EncodedRoutes.self) { [service] _, _ in try await service.routes() }
    }
}

extension RoutingLeader.Status {
    fileprivate var report: ComponentReport {
        var details = [
            "role": isLeading ? "leader" : "follower", "leader": leader.isLed ? leader.holder : "none",
            "term": "\(leader.term)", "epoch": "\(leader.epoch)", "members": "\(leader.members)",
        ]
        if isLeading { details["handovers"] = "\(handovers)" }
        if let unserved { details["unserved"] = "\(unserved)" }
        return ComponentReport(.up, details: details)
    }
}

/// The settings of routing.
struct RoutingSettings: Sendable {
    private static let handovers = Setting<Int>.whole(
        "config.handovers", in: Partitioning.counts,
        "handovers in progress at once that only even out; a sixteenth of all partitions unless set")

    static let all = [CommonSettings.partitionCount.description, handovers.description]

    static var partitionsVariable: String { CommonSettings.partitionCount.variable }

    let partitionCount: Int
    /// How many handovers that only even out may be in progress.
    let limit: Int

    init(partitionCount: Int, limit: Int? = nil) {
        self.partitionCount = partitionCount
        self.limit = limit ?? max(1, partitionCount / 16)
    }

    init(_ settings: Settings) throws {
        self.init(
            partitionCount: try settings.value(CommonSettings.partitionCount), limit: try settings.optional(Self.handovers))
    }
}
