import Testing

@testable import Messaging

@Suite("An instance whose deliveries stay away") struct DeafnessTests {
    private let start = ContinuousClock.now

    private func lasts(_ deafness: Deafness, at second: Int) -> Bool { deafness.lasts(at: start + .seconds(second)) }

    @Test("it gives away what it has when only the feed is missing for five seconds, until the feed is back")
    func deaf() {
        var deafness = Deafness()
        deafness.feedIsBack()
        deafness.isHeard(at: start)
        #expect(!lasts(deafness, at: 100))
        deafness.feedIsLost()
        for second in 10...14 {
            deafness.isHeard(at: start + .seconds(second))
            #expect(!lasts(deafness, at: second))
        }
        #expect(lasts(deafness, at: 15))
        deafness.feedIsBack()
        #expect(!lasts(deafness, at: 16))
        deafness.isHeard(at: start + .seconds(16))
        deafness.feedIsLost()
        deafness.isHeard(at: start + .seconds(17))
        #expect(!lasts(deafness, at: 21))
    }

    @Test(
        "while nothing works it keeps what it has: others fare no better, and the feed has five seconds from when the rest works")
    func outage() {
        var deafness = Deafness()
        deafness.feedIsBack()
        deafness.feedIsLost()
        deafness.isHeard(at: start)
        for _ in 0..<20 { deafness.isUnheard() }
        #expect(!lasts(deafness, at: 20))
        deafness.isHeard(at: start + .seconds(20))
        #expect(!lasts(deafness, at: 24))
        #expect(lasts(deafness, at: 25))
    }

    @Test("before it has ever heard it is to be given nothing")
    func early() {
        var deafness = Deafness()
        #expect(!deafness.hasEverHeard)
        deafness.feedIsBack()
        deafness.feedIsLost()
        #expect(deafness.hasEverHeard)
    }
}
