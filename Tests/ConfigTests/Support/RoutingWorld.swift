import AMQP
import Bus
import Contracts
import Logging
import Postgres
import PostgresTesting
import Reactor
import ServiceLifecycle
import TestSupport

@testable import Config

/// Two instances of `config` on a schema and a virtual host of one test, and a bus of `messaging` to call
/// them.
struct RoutingWorld: Sendable {
    static let io = IOThread(name: "test-config")
    static let logger = Logger(label: "config-tests") { _ in SwiftLogNoOpLogHandler() }

    /// With a lease that is longer than a busy machine delays a heartbeat.
    static let timing: LeaseTiming = {
        var timing = LeaseTiming()
        timing.lease = .seconds(5)
        return timing
    }()

    let database: PostgresPool
    let messaging: Bus
    let instances: [Instance]

    var store: RoutingStore { RoutingStore(database: database) }

    /// One instance of `config`, which a test can stop alone.
    struct Instance: Sendable {
        let name: String
        let routing: RoutingComponents
        let bus: Bus
        let isLeading: ValueRecorder<Bool?>
        let group: ServiceGroup
        let life: Task<Void, any Error>

        /// Stops like a killed process: it releases nothing.
        func kill() async {
            life.cancel()
            _ = try? await life.value
        }

        /// Stops gracefully.
        func stop() async throws {
            await group.triggerGracefulShutdown()
            try await life.value
        }
    }

    static func with(partitions: Int = 60, limit: Int? = nil, _ body: (RoutingWorld) async throws -> Void) async throws {
        try await TestDatabase.migrated(try ConfigMigrations.all(), on: io) { database in
            try await VirtualHost.with { host in
                try await prepare(host)
                let messaging = bus(.messaging, instance: "messaging-1", on: host)
                let settings = RoutingSettings(partitionCount: partitions, limit: limit)
                let instances = (1...2).map { start("config-\($0)", settings, database: database, on: host) }
                let world = RoutingWorld(database: database, messaging: messaging, instances: instances)
                let group = ServiceGroup(services: [messaging], logger: logger)
                let life = Task.detached { try await group.run() }
                try await messaging.started()
                for instance in instances { try await instance.bus.started() }
                let result: Result<Void, any Error>
                do { result = .success(try await body(world)) } catch { result = .failure(error) }
                for instance in instances { await instance.kill() }
                life.cancel()
                _ = try? await life.value
                try await VirtualHost.management("DELETE", "users/\(host.name)")
                try result.get()
            }
        }
    }

    private static func start(
        _ name: String, _ settings: RoutingSettings, database: PostgresPool, on host: VirtualHost
    ) -> Instance {
        let (bus, isLeading) = (bus(.config, instance: name, on: host), ValueRecorder<Bool?>())
        let routing = RoutingComponents(
            settings, instance: name, timing: timing, database: database, bus: bus, on: io, logger: logger
        ) {
            isLeading.add($0?.isLeading)
        }
        routing.serve(on: bus)
        let group = ServiceGroup(services: [bus, routing.leader], logger: logger)
        return Instance(
            name: name, routing: routing, bus: bus, isLeading: isLeading, group: group,
            life: Task.detached { try await group.run() })
    }

    private static func prepare(_ host: VirtualHost) async throws {
        try await VirtualHost.management("PUT", "users/\(host.name)", body: #"{"password":"bus","tags":"impersonator"}"#)
        try await VirtualHost.management(
            "PUT", "permissions/\(host.name)/\(host.name)", body: #"{"configure":".*","write":".*","read":".*"}"#)
        try await host.makeExchanges()
    }

    private static func bus(_ service: ServiceName, instance: String, on host: VirtualHost) -> Bus {
        let server = TestStack.rabbitmq
        var endpoint = AMQPEndpoint(
            host: server.host, port: server.port, vhost: host.name, user: host.name, password: "bus", connectionName: "test")
        endpoint.connectTimeout = .seconds(60)
        var configuration = BusConfiguration(service: service, instance: instance, endpoint: endpoint)
        configuration.drainTimeout = .seconds(60)
        return Bus(configuration, on: io, logger: logger)
    }

    // MARK: The leader

    /// Waits until an instance leads.
    func leader() async throws -> Instance {
        try await eventually("an instance leads") {
            let leader = try await store.leader()
            return leader.isLed ? instances.first { $0.name == leader.holder } : nil
        }
    }

    // MARK: Members

    /// The members send heartbeats concurrently until the condition holds, however long the test takes to
    /// check it.
    func run(_ members: [ScriptedMember], until condition: String, _ holds: () async throws -> Bool) async throws {
        let isOver = OneShotSignal<Void>()
        try await withThrowingTaskGroup { group in
            for member in members {
                group.addTask {
                    try await eventually(within: .seconds(600), "the end") {
                        try await member.sendHeartbeat(messaging)
                        return isOver.isSent ? () : nil
                    }
                }
            }
            try await eventually(condition) { try await holds() ? () : nil }
            // No heartbeat is in flight when this returns.
            isOver.send()
            try await group.waitForAll()
        }
    }

    /// The members send heartbeats until each partition is served by one of them, evenly, and no handover is
    /// in progress.
    func settle(_ members: [ScriptedMember], partitions: Int = 60) async throws {
        try await run(members, until: "every partition is served") {
            let served = members.map(\.served)
            let table = try await store.table(partitionCount: partitions)
            return served.reduce(0) { $0 + $1.count } == partitions && table.handovers.isEmpty
                && served.map(\.count).max()! - served.map(\.count).min()! <= 1
        }
    }
}
