import Contracts
import Testing

@testable import Chats

@Suite("Prefetched ids") struct IDPrefetchTests {
    let start = ContinuousClock.now

    func ids(_ range: ClosedRange<Int64>) -> [MessageID] { range.map(MessageID.init(rawValue:)) }

    @Test(
        "the first batch fetches only its own ids; close successors keep ids for two batches and otherwise fetch for four more"
    )
    func demand() {
        var prefetch = IDPrefetch()
        #expect(prefetch.remove(8, at: start).isEmpty)
        #expect(prefetch.fetchSize(after: 8, at: start) == 0)
        #expect(prefetch.fetchSize(after: 6, at: start + .milliseconds(5)) == 24)
        #expect(prefetch.fetchSize(after: 6, at: start + .milliseconds(6)) == 0)  // A fetch is in flight.
        prefetch.add(ids(1...24), at: start + .milliseconds(7))
        #expect(prefetch.remove(12, at: start + .milliseconds(8)) == ids(1...12))
        #expect(prefetch.fetchSize(after: 6, at: start + .milliseconds(8)) == 0)  // Enough for two batches.
        #expect(prefetch.remove(1, at: start + .milliseconds(8)) == ids(13...13))
        #expect(prefetch.fetchSize(after: 6, at: start + .milliseconds(8)) == 24)
        #expect(prefetch.remove(12, at: start + .milliseconds(9)) == ids(14...24))
        // After a pause, no batch is expected soon.
        prefetch.add([], at: start + .milliseconds(10))
        #expect(prefetch.fetchSize(after: 4, at: start + .seconds(5)) == 0)
    }

    @Test("old ids are discarded, as ids must be roughly in time order")
    func old() {
        var prefetch = IDPrefetch()
        prefetch.add(ids(1...6), at: start)
        #expect(prefetch.remove(2, at: start + .seconds(1)) == ids(1...2))
        #expect(prefetch.remove(2, at: start + .seconds(1) + .milliseconds(1)).isEmpty)
    }

    @Test("a fetch has at most 512 ids, and ids ascend")
    func bounds() {
        var prefetch = IDPrefetch()
        _ = prefetch.fetchSize(after: 256, at: start)
        #expect(prefetch.fetchSize(after: 4_096, at: start) == 512)
        prefetch.add(ids(100...200), at: start)
        prefetch.add(ids(1...50), at: start)
        let taken = prefetch.remove(300, at: start)
        #expect(taken.count == 151 && taken == taken.sorted())
    }
}
