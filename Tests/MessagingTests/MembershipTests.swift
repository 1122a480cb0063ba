import Bus
import BusTesting
import Contracts
import Logging
import Realtime
import ServiceKit
import Testing

@testable import Messaging

@Suite("Being a member", .timeLimit(.minutes(1))) struct MembershipTests {
    @Test("who was started with another number of partitions than the deployment has ends, and is told which setting is wrong")
    func otherCount() async throws {
        try await Gateway.with { gateway in
            gateway.bus.answer(Heartbeat.self) { _ in throw ServiceError(.conflict, "this deployment has 360 partitions, not 4") }
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let membership = Membership(
                .init(instance: "m", incarnation: "1", url: "ws://m", partitionCount: Gateway.partitionCount), bus: gateway.bus,
                isConnected: { true }, canServe: { true }, feed: DeliveryFeed(onStart: {}, onLost: {}, onDelivery: { _, _ in }),
                hub: gateway.hub, routes: RouteTable(bus: gateway.bus, logger: logger), onStanding: { _ in }, on: gateway.hub.io,
                logger: logger)
            membership.feedIsBack()
            let error = await #expect(throws: ConfigurationError.self) { try await membership.run() }
            #expect(error?.description == "MARTLET_PARTITION_COUNT is wrong: this deployment has 360 partitions, not 4")
        }
    }
}
