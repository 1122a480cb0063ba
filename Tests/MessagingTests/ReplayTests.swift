import Contracts
import TestSupport
import Testing

@testable import Messaging

@Suite("What a client missed") struct ReplayTests {
    @Test("whatever is asked for comes whole and in order, or not at all", arguments: 1...20 as ClosedRange<UInt64>)
    func whole(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var line = ClientSession(userID: UserID(rawValue: 1), sessionID: SessionID(rawValue: 2))
        var all: [[UInt8]] = []
        let limit = 500
        var now = ContinuousClock.now
        for _ in 0..<300 {
            now += .seconds(Int.random(in: 0...40, using: &random))
            if Int.random(in: 0..<10, using: &random) == 0 {
                line.received(upTo: .random(in: 0...line.lastN + 3, using: &random), at: now)
            }
            let text = [UInt8](repeating: UInt8.random(in: 0...255, using: &random), count: .random(in: 1...80, using: &random))
            all.append(text)
            #expect(line.number(text, limit: limit) == Int64(all.count))
            #expect(line.replay.bytes <= limit)
            let n = Int64.random(in: 0...line.lastN + 2, using: &random)
            if let missed = line.missed(after: n) {
                #expect(Array(missed) == Array(all[Int(n)...]))
            } else {
                #expect(n < line.replay.before || n > line.lastN)
            }
        }
    }

    @Test("a parked line is kept while some client may find all it missed there")
    func worth() {
        var line = ClientSession(userID: UserID(rawValue: 1), sessionID: SessionID(rawValue: 2))
        _ = line.number([1, 2, 3], limit: 10)
        line.park(at: .now)
        _ = line.number([1, 2, 3], limit: 10)
        #expect(line.isWorthKeeping)
        _ = line.number([UInt8](repeating: 0, count: 10), limit: 10)
        #expect(!line.isWorthKeeping)
        #expect(line.missed(after: 1) == nil)
    }

    @Test(
        "numbers outside the buffer drop nothing, or everything, and never overflow",
        arguments: [Int64.min, .min + 1, -1, 0, 2, 7, .max - 1, .max])
    func anyNumber(n: Int64) {
        var buffer = ReplayBuffer()
        for _ in 0..<6 { buffer.append([1, 2, 3], limit: 9) }
        #expect(buffer.before == 3)
        buffer.forget(upTo: n)
        #expect(buffer.before == (n > 6 ? 6 : 3))
        #expect(buffer.bytes == (n > 6 ? 0 : 9))
    }

    @Test("an acknowledgement of a frame that was never sent is ignored", arguments: [Int64.min, -1, 4, .max])
    func impossible(n: Int64) {
        let start = ContinuousClock.now
        var line = ClientSession(userID: UserID(rawValue: 1), sessionID: SessionID(rawValue: 2))
        for _ in 0..<3 { _ = line.number([1, 2, 3], limit: 6) }
        for minute in 0..<3 { line.received(upTo: n, at: start + .seconds(60 * minute)) }
        #expect(line.missed(after: 1)?.count == 2)
        for minute in 3..<5 { line.received(upTo: 2, at: start + .seconds(60 * minute)) }
        #expect(line.missed(after: 1) == nil && line.missed(after: 2)?.count == 1)
    }

    @Test("a frame beyond the whole limit is given, and nothing kept")
    func large() {
        var line = ClientSession(userID: UserID(rawValue: 1), sessionID: SessionID(rawValue: 2))
        #expect(line.number([UInt8](repeating: 0, count: 100), limit: 10) == 1)
        #expect(line.missed(after: 0) == nil)
        #expect(line.missed(after: 1)?.isEmpty == true)
    }
}
