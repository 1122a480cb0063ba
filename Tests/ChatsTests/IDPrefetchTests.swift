import Contracts
import Testing

@testable import Chats

@Suite("Ids in stock") struct IDPrefetchTests {
    let start = ContinuousClock.now

    func ids(_ range: ClosedRange<Int64>) -> [MessageID] { range.map(MessageID.init(rawValue:)) }

    @Test(
        "a first batch asks for no more than it needs; while they follow one another there is enough for two, or for four more are fetched"
    )
    func demand() {
        var stock = IDPrefetch()
        #expect(stock.take(8, at: start).isEmpty)
        #expect(stock.demand(after: 8, at: start) == 0)
        #expect(stock.demand(after: 6, at: start + .milliseconds(5)) == 24)
        #expect(stock.demand(after: 6, at: start + .milliseconds(6)) == 0)  // under way
        stock.fetched(ids(1...24), at: start + .milliseconds(7))
        #expect(stock.take(12, at: start + .milliseconds(8)) == ids(1...12))
        #expect(stock.demand(after: 6, at: start + .milliseconds(8)) == 0)  // enough for two
        #expect(stock.take(1, at: start + .milliseconds(8)) == ids(13...13))
        #expect(stock.demand(after: 6, at: start + .milliseconds(8)) == 24)
        #expect(stock.take(12, at: start + .milliseconds(9)) == ids(14...24))
        // A pause: nobody is expected soon.
        stock.fetched([], at: start + .milliseconds(10))
        #expect(stock.demand(after: 4, at: start + .seconds(5)) == 0)
    }

    @Test("what has become old is thrown away, as ids are roughly in time order")
    func old() {
        var stock = IDPrefetch()
        stock.fetched(ids(1...6), at: start)
        #expect(stock.take(2, at: start + .seconds(1)) == ids(1...2))
        #expect(stock.take(2, at: start + .seconds(1) + .milliseconds(1)).isEmpty)
    }

    @Test("never more than 512 at a time, and always ascending")
    func bounds() {
        var stock = IDPrefetch()
        _ = stock.demand(after: 256, at: start)
        #expect(stock.demand(after: 4_096, at: start) == 512)
        stock.fetched(ids(100...200), at: start)
        stock.fetched(ids(1...50), at: start)
        let taken = stock.take(300, at: start)
        #expect(taken.count == 151 && taken == taken.sorted())
    }
}
