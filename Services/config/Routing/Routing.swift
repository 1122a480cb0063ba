import Bus
import Contracts
import Logging
import Postgres
import Reactor
import ServiceKit

/// Which instance of `messaging` has which partitions: all parts of it, put together.
struct Routing: Sendable {
    let leader: Leader
    let desk: RoutingDesk

    init(_ context: ServiceContext, database: PostgresPool, bus: Bus) throws {
        // An outage of Postgres is everybody's, so it does not make this process unready once it has worked.
        let flag = context.health.flag("routing", .own, initially: .down("Postgres was not asked yet"))
        self.init(
            try RoutingSettings(context.settings), instance: context.instance, database: database, bus: bus, on: context.io,
            logger: context.logger
        ) { condition in
            if let condition { return flag.set(condition.report) }
            if flag.report.status != .down { flag.set(.degraded("Postgres cannot be asked: nothing is assigned anew")) }
        }
    }

    init(
        _ settings: RoutingSettings, instance: String, terms: LeaseTerms = LeaseTerms(), database: PostgresPool, bus: Bus,
        on io: IOThread, logger: Logger, onCondition: @escaping @Sendable (Leader.Condition?) -> Void
    ) {
        let (store, partitions) = (RoutingStore(database: database), PartitionCountDesk(wanted: settings.partitionCount))
        let leader = Leader(
            store: store, instance: instance, limit: settings.limit, terms: terms, desk: partitions, on: io, logger: logger,
            isConnected: { await bus.isReady }, tell: { try? await bus.broadcast($0) }, onCondition: onCondition)
        let alarm = Alarm(instance, terms: terms) { try await bus.broadcast($0) }
        self.leader = leader
        desk = RoutingDesk(
            heartbeats: HeartbeatStore(database: database), known: KnownRoutes(store), partitions: partitions, terms: terms,
            alarm: alarm, onNews: { leader.nudge() })
    }

    /// Before the bus runs.
    func serve(on bus: Bus) {
        var feed = EventSubscription()
        feed.on(RoutingPulse.self) { [leader, desk] pulse, _ in
            leader.heard(pulse)
            desk.alarm.heard(pulse)
        }
        feed.onLost { [leader] in leader.lostPulses() }
        bus.subscribe(feed)
        // Whoever is refused without Postgres being away loses its lease, so none must be because too many ask.
        bus.serve(Heartbeat.self, atMost: 20_000) { [desk] request, _ in try await desk.heartbeat(request) }
        bus.serve(GetRoutes.self, as: WrittenRoutes.self) { [desk] _, _ in try await desk.routes() }
    }
}

extension Leader.Condition {
    fileprivate var report: ComponentReport {
        var details = [
            "role": isLeading ? "leader" : "follower", "leader": leader.isLed ? leader.holder : "nobody",
            "term": "\(leader.term)", "epoch": "\(leader.epoch)", "members": "\(leader.members)",
        ]
        if isLeading { details["handovers"] = "\(moving)" }
        if let unserved { details["unserved"] = "\(unserved)" }
        return ComponentReport(.up, details: details)
    }
}
