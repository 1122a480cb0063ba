import Bus
import BusTesting
import Contracts
import Logging
import Realtime
import ServiceKit
import TestSupport
import Testing

@testable import Messaging

/// The actor over a real gateway, with a stub of `config`.
@Suite("Cluster membership", .timeLimit(.minutes(1))) struct ClusterMembershipTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func membership(
        _ gateway: TestGateway, routes: RouteTable? = nil, onReady: @escaping @Sendable (Bool) -> Void = { _ in }
    ) -> ClusterMembership {
        ClusterMembership(
            .init(instance: "m", incarnation: "1", url: "ws://m", partitionCount: TestGateway.partitionCount), bus: gateway.bus,
            isConnected: { true }, canServe: { true }, feed: DeliveryFeed(onStart: {}, onLost: {}, onDelivery: { _, _ in }),
            gateway: gateway.actor, routes: routes ?? RouteTable(bus: gateway.bus, logger: Self.logger), onReady: onReady,
            on: gateway.actor.io, logger: Self.logger)
    }

    /// Runs `membership` during `body`.
    private func running(_ membership: ClusterMembership, _ body: () async throws -> Void) async throws {
        let life = Task { try await membership.run() }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        life.cancel()
        _ = try? await life.value
        try result.get()
    }

    private static func response(_ epoch: Int64, _ serve: PartitionSet) -> Heartbeat.Response {
        .init(epoch: epoch, leaseMilliseconds: 600_000, bind: TestGateway.everything, serve: serve)
    }

    @Test("an instance with another number of partitions than the deployment ends, and the error names the setting")
    func otherCount() async throws {
        try await TestGateway.with { gateway in
            gateway.bus.answer(Heartbeat.self) { _ in throw ServiceError(.conflict, "this deployment has 360 partitions, not 4") }
            let membership = membership(gateway)
            membership.feedStarted()
            let error = await #expect(throws: ConfigurationError.self) { try await membership.run() }
            #expect(error?.description == "MARTLET_PARTITION_COUNT is wrong: this deployment has 360 partitions, not 4")
        }
    }

    @Test("an answered heartbeat makes the instance ready, applies the assignment and reports it in the next heartbeat")
    func answered() async throws {
        try await TestGateway.with(owns: false) { gateway in
            gateway.bus.answer(Heartbeat.self) { _ in Self.response(7, PartitionSet([1, 2])) }
            let ready = ValueRecorder<Bool>()
            let membership = membership(gateway, onReady: { ready.add($0) })
            membership.feedStarted()
            try await running(membership) {
                try await eventually("the assignment is reported") {
                    let sent = gateway.bus.asked(Heartbeat.self)
                    return sent.contains { $0.epoch == 7 && $0.served == PartitionSet([1, 2]) } ? () : nil
                }
            }
            #expect(ready.all == [true])
        }
    }

    @Test("leaving hands partitions over as soon as the last connection is closed, and ends with a heartbeat that holds none")
    func leave() async throws {
        try await TestGateway.with(owns: false) { gateway in
            let owned = PartitionSet([TestGateway.partition(of: 1)])
            gateway.bus.answer(Heartbeat.self) { heartbeat in
                heartbeat.isLeaving ? Self.response(2, PartitionSet()) : Self.response(1, owned)
            }
            let routes = RouteTable(bus: gateway.bus, logger: Self.logger)
            let peer = Routes.Instance(name: "peer", url: "ws://peer", partitions: PartitionSet())
            gateway.bus.answer(GetRoutes.self) { _ in
                Routes(epoch: 2, partitionCount: TestGateway.partitionCount, instances: [peer])
            }
            let membership = membership(gateway, routes: routes)
            routes.onRead { [membership] _ in membership.routesRead() }
            membership.feedStarted()
            try await running(membership) {
                try await eventually("the partition is served") { await gateway.actor.report().held == owned ? () : nil }
                await routes.readOnce()
                let client = try await gateway.client(1)
                async let departure: Void = membership.leave()
                let (_, code) = try await client.readToClose()
                await departure
                #expect(code == 4_001)
            }
            let last = try #require(gateway.bus.asked(Heartbeat.self).last)
            #expect(last.isLeaving && last.served.isEmpty)
        }
    }

    @Test("the final heartbeat waits for the answer to the one in flight")
    func oneHeartbeatAtATime() async throws {
        try await TestGateway.with { gateway in
            let (areFinal, mayAnswer) = (ValueRecorder<Bool>(), OneShotSignal<Void>())
            gateway.bus.answer(Heartbeat.self) { heartbeat in
                areFinal.add(heartbeat.isLeaving && heartbeat.served.isEmpty)
                if areFinal.count == 1 { await mayAnswer.value }
                return Self.response(1, TestGateway.everything)
            }
            let membership = membership(gateway)
            membership.feedStarted()
            try await running(membership) {
                try await eventually("a heartbeat in flight") { areFinal.count == 1 ? () : nil }
                async let departure: Void = membership.leave()
                try await eventually("the closed gateway") { gateway.isOpen ? nil : () }
                // Enough turns of the thread for a heartbeat that does not wait.
                for _ in 0..<50 { _ = await gateway.actor.report() }
                #expect(areFinal.all == [false])
                mayAnswer.send()
                await departure
            }
            #expect(areFinal.all.last == true)
        }
    }

    @Test("an instance without peers leaves at once")
    func leaveAlone() async throws {
        try await TestGateway.with { gateway in
            gateway.bus.answer(Heartbeat.self) { _ in Self.response(1, TestGateway.everything) }
            let membership = membership(gateway)
            membership.feedStarted()
            await membership.leave()
            #expect(!gateway.isOpen)
            let last = try #require(gateway.bus.asked(Heartbeat.self).last)
            #expect(last.isLeaving && last.served.isEmpty)
        }
    }
}
