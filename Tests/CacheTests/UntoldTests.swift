import Testing

@testable import Cache

@Suite struct UntoldTests {
    private let start = ContinuousClock.now

    @Test("told in the order in which they came, of one sort at a time, until all are told")
    func order() {
        var untold = Untold<Int>()
        let begins = [(1, 10), (2, 20), (3, nil), (4, 40)].map { untold.add($0.0, $0.1, until: start + .seconds(9)) }
        #expect(begins == [true, false, false, false])
        var told: [[Int]] = []
        while !untold.isOver(at: start) {
            let some = untold.some(2, at: start)
            told.append(some.map(\.key))
            for (key, version) in some { untold.told(key, version) }
        }
        #expect(told == [[1, 2], [3], [4]])
        #expect(untold.changes.isEmpty)
    }

    @Test("what changed while it was told is told again; what is over is forgotten")
    func changed() {
        var untold = Untold<Int>()
        _ = untold.add(1, 10, until: start + .seconds(1))
        let some = untold.some(9, at: start)
        _ = untold.add(1, 11, until: start + .seconds(2))
        untold.told(1, some[0].version)
        let left = untold.some(9, at: start).map(\.version)
        #expect(left == [11])
        let isOver = untold.isOver(at: start + .seconds(2))
        #expect(isOver)
        #expect(untold.changes.isEmpty)
        let none = untold.some(9, at: start)
        #expect(none.isEmpty)
    }
}
