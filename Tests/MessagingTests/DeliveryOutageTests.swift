import Testing

@testable import Messaging

@Suite("Delivery outages") struct DeliveryOutageTests {
    private static let patience = Duration.seconds(30)
    private let start = ContinuousClock.now

    private func verdict(_ outage: inout DeliveryOutage, _ second: Int) -> DeliveryOutage.Action {
        outage.evaluate(at: start + .seconds(second), patience: Self.patience)
    }

    @Test("sessions are disconnected once per outage that lasts too long")
    func disconnectOnce() {
        var outage = DeliveryOutage()
        outage.restore(.feed)
        outage.record(hasLease: true, at: start)
        outage.record(knowsRevocations: true, at: start)
        for begin in [0, 100] {
            outage.lose(.feed, at: start + .seconds(begin))
            #expect(verdict(&outage, begin + 29) == .nothing)
            #expect(verdict(&outage, begin + 30) == .disconnectAll)
            #expect(verdict(&outage, begin + 31) == .nothing)
            outage.lose(.feed, at: start + .seconds(begin + 32))
            #expect(verdict(&outage, begin + 70) == .nothing)
            outage.restore(.feed)
            #expect(verdict(&outage, begin + 80) == .sendGap)
            #expect(verdict(&outage, begin + 81) == .nothing)
        }
    }
}
