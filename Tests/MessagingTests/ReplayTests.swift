import Contracts
import TestSupport
import Testing

@testable import Messaging

@Suite("The resume buffer") struct ReplayTests {
    private static func session() -> ClientSession {
        ClientSession(userID: UserID(rawValue: 1), sessionID: SessionID(rawValue: 2))
    }

    @Test("missed frames are returned complete and in order, or not at all", arguments: 1...20 as ClosedRange<UInt64>)
    func whole(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var session = Self.session()
        var all: [[UInt8]] = []
        let limit = 500
        var now = Duration.zero
        for _ in 0..<300 {
            now += .seconds(Int.random(in: 0...40, using: &random))
            if Int.random(in: 0..<10, using: &random) == 0 {
                session.acknowledge(upTo: .random(in: 0...session.lastN + 3, using: &random), at: now)
            }
            let text = [UInt8](repeating: UInt8.random(in: 0...255, using: &random), count: .random(in: 1...80, using: &random))
            all.append(text)
            #expect(session.append(text, limit: limit).n == Int64(all.count))
            #expect(session.replay.bytes <= limit)
            let n = Int64.random(in: 0...session.lastN + 2, using: &random)
            if let missed = session.missed(after: n) {
                #expect(Array(missed) == Array(all[Int(n)...]))
            } else {
                #expect(n < session.replay.before || n > session.lastN)
            }
        }
    }

    @Test("a parked session can be resumed while its buffer has every missed frame")
    func worth() {
        var session = Self.session()
        _ = session.append([1, 2, 3], limit: 10)
        session.park(at: .zero)
        _ = session.append([1, 2, 3], limit: 10)
        #expect(session.canResume)
        _ = session.append([UInt8](repeating: 0, count: 10), limit: 10)
        #expect(!session.canResume)
        #expect(session.missed(after: 1) == nil)
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
        let start = Duration.zero
        var session = Self.session()
        for _ in 0..<3 { _ = session.append([1, 2, 3], limit: 6) }
        for minute in 0..<3 { session.acknowledge(upTo: n, at: start + .seconds(60 * minute)) }
        #expect(session.missed(after: 1)?.count == 2)
        for minute in 3..<5 { session.acknowledge(upTo: 2, at: start + .seconds(60 * minute)) }
        #expect(session.missed(after: 1) == nil && session.missed(after: 2)?.count == 1)
    }

    @Test("a frame beyond the buffer's limit gets its number and is not stored")
    func large() {
        var session = Self.session()
        #expect(session.append([UInt8](repeating: 0, count: 100), limit: 10).n == 1)
        #expect(session.missed(after: 0) == nil)
        #expect(session.missed(after: 1)?.isEmpty == true)
    }
}
