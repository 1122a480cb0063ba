import Testing

@testable import Messaging

@Suite("Feed loss detector") struct FeedLossDetectorTests {
    private let start = ContinuousClock.now

    private func isLost(_ detector: FeedLossDetector, at second: Int) -> Bool { detector.isLost(at: start + .seconds(second)) }

    @Test("the feed counts as lost after five seconds in which config answers, until the feed starts again")
    func lost() {
        var detector = FeedLossDetector()
        detector.feedStarted()
        detector.heartbeatAnswered(at: start)
        #expect(!isLost(detector, at: 100))
        detector.feedLost()
        for second in 10...14 {
            detector.heartbeatAnswered(at: start + .seconds(second))
            #expect(!isLost(detector, at: second))
        }
        #expect(isLost(detector, at: 15))
        detector.feedStarted()
        #expect(!isLost(detector, at: 16))
        detector.heartbeatAnswered(at: start + .seconds(16))
        detector.feedLost()
        detector.heartbeatAnswered(at: start + .seconds(17))
        #expect(!isLost(detector, at: 21))
    }

    @Test(
        "an unanswered heartbeat restarts the five seconds")
    func outage() {
        var detector = FeedLossDetector()
        detector.feedStarted()
        detector.feedLost()
        detector.heartbeatAnswered(at: start)
        for _ in 0..<20 { detector.heartbeatUnanswered() }
        #expect(!isLost(detector, at: 20))
        detector.heartbeatAnswered(at: start + .seconds(20))
        #expect(!isLost(detector, at: 24))
        #expect(isLost(detector, at: 25))
    }

    @Test("a feed that was lost has started before; a new one has not")
    func early() {
        var detector = FeedLossDetector()
        #expect(!detector.hasEverStarted)
        detector.feedStarted()
        detector.feedLost()
        #expect(detector.hasEverStarted)
    }
}
