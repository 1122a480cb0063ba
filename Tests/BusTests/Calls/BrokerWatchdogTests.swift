import Testing

@testable import Bus

@Suite("A silent broker") struct BrokerWatchdogTests {
    @Test("silence begins after four ticks without a sign of life, is told once, and ends with the first sign")
    func silence() {
        var watch = BrokerWatchdog()
        let begins = watch.sent()
        #expect(begins)
        #expect((1...5).map { _ in watch.ticked() } == [.goOn, .goOn, .goOn, .becameSilent, .goOn])
        #expect(watch.isSilent)
        watch.settled()
        #expect(!watch.isSilent)
    }

    @Test("a broker with nothing to say is not silent, and nobody ticks for it")
    func nothingToSay() {
        var watch = BrokerWatchdog()
        _ = watch.sent()
        let again = watch.sent()
        #expect(!again)
        watch.settled()
        watch.settled()
        #expect(watch.ticked() == .rest)
        let begins = watch.sent()
        #expect(begins)
    }

    @Test("answers are signs of life too, and other confirms while one stays away")
    func signs() {
        var watch = BrokerWatchdog()
        for _ in 0..<2 { _ = watch.sent() }
        for _ in 0..<20 {
            let steps = (1...3).map { _ in watch.ticked() }
            #expect(!steps.contains(.becameSilent))
            watch.heard()
        }
        #expect(!watch.isSilent)
    }
}
