import Testing

@testable import Messaging

@Suite("Times in which deliveries do not come") struct DeliveryOutageTests {
    private static let patience = Duration.seconds(30)
    private let start = ContinuousClock.now

    private func verdict(_ outage: inout DeliveryOutage, _ second: Int) -> DeliveryOutage.Verdict {
        outage.verdict(at: start + .seconds(second), patience: Self.patience)
    }

    @Test("everybody is let go once for each outage that lasts too long, not again and again")
    func letGoOnce() {
        var outage = DeliveryOutage()
        outage.feedIsBack()
        outage.leaseIsBack()
        outage.note(knowsSessions: true, at: start)
        for begin in [0, 100] {
            outage.feedIsLost(at: start + .seconds(begin))
            #expect(verdict(&outage, begin + 29) == .nothing)
            #expect(verdict(&outage, begin + 30) == .letGo)
            #expect(verdict(&outage, begin + 31) == .nothing)
            outage.feedIsLost(at: start + .seconds(begin + 32))
            #expect(verdict(&outage, begin + 70) == .nothing)
            outage.feedIsBack()
            #expect(verdict(&outage, begin + 80) == .tellGap)
            #expect(verdict(&outage, begin + 81) == .nothing)
        }
    }
}
