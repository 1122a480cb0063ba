import Testing

@testable import Cache

@Suite("Invalidations that Redis has yet to receive") struct PendingInvalidationsTests {
    private let start = ContinuousClock.now

    @Test("they are sent in the order of arrival, each batch with or without versions, until all are sent")
    func order() {
        var pending = PendingInvalidations<Int>()
        let starts = [(1, 10), (2, 20), (3, nil), (4, 40)].map {
            pending.add($0.0, version: $0.1, until: start + .seconds(9))
        }
        #expect(starts == [true, false, false, false])
        var sent: [[Int]] = []
        while !pending.isEmpty(at: start) {
            let batch = pending.batch(atMost: 2, at: start)
            sent.append(batch.map(\.key))
            for (key, version) in batch { pending.remove(key, sent: version) }
        }
        #expect(sent == [[1, 2], [3], [4]])
        #expect(pending.invalidations.isEmpty)
    }

    @Test("an invalidation that changes while it is sent is sent again; an expired one is removed")
    func changed() {
        var pending = PendingInvalidations<Int>()
        _ = pending.add(1, version: 10, until: start + .seconds(1))
        let batch = pending.batch(atMost: 9, at: start)
        _ = pending.add(1, version: 11, until: start + .seconds(2))
        pending.remove(1, sent: batch[0].version)
        let left = pending.batch(atMost: 9, at: start).map(\.version)
        #expect(left == [11])
        let isEmpty = pending.isEmpty(at: start + .seconds(2))
        #expect(isEmpty)
        #expect(pending.invalidations.isEmpty)
        let none = pending.batch(atMost: 9, at: start)
        #expect(none.isEmpty)
    }
}
