import Testing

@testable import Bus

@Suite("The broker watchdog") struct BrokerWatchdogTests {
    @Test("silence starts after four quiet ticks, is reported once, and ends with the first sign of life")
    func silence() {
        var watch = BrokerWatchdog()
        let begins = watch.sent()
        #expect(begins)
        #expect((1...5).map { _ in watch.ticked() } == [.continue, .continue, .continue, .becameSilent, .continue])
        #expect(watch.isSilent)
        watch.settled()
        #expect(!watch.isSilent)
    }

    @Test("an idle broker is not silent, and ticks stop")
    func idle() {
        var watch = BrokerWatchdog()
        _ = watch.sent()
        let again = watch.sent()
        #expect(!again)
        watch.settled()
        watch.settled()
        #expect(watch.ticked() == .stop)
        let begins = watch.sent()
        #expect(begins)
    }

    @Test("answers are signs of life too")
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
