import Contracts
import TestSupport
import Testing

@testable import Messaging

@Suite("The order of a chat") struct MessageSequencerTests {
    private static let chat = ChatID(rawValue: 7)

    @Test(
        "messages are delivered in order and at most once, and a gap precedes every omission",
        arguments: 1...60 as ClosedRange<UInt64>)
    func anyOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var now = ContinuousClock.now
        var order = MessageSequencer<Int64>(now: now)
        // The first message makes the chat known. The others arrive once or more, shuffled in a window, or
        // never.
        var coming = (2...60 as ClosedRange<Int64>).filter { _ in Int.random(in: 0..<12, using: &random) > 0 }
        coming += coming.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
        coming = coming.map { ($0, $0 + Int64.random(in: 0...6, using: &random)) }.sorted { $0.1 < $1.1 }.map(\.0)
        var (shown, announced): ([Int64], Set<Int64>) = ([1], [])
        guard case .deliver([1]) = order.apply(1, seq: 1, of: Self.chat, age: .zero, now: now) else {
            return #expect(Bool(false))
        }
        func settle(_ verdict: MessageSequencer<Int64>.Verdict) {
            switch verdict {
            case .deliver(let messages): shown += messages
            case .nothing: break
            case .sendGap(let seq): announced.insert(seq)
            }
        }
        for seq in coming {
            now += .milliseconds(Int64.random(in: 0...40, using: &random))
            for late in order.expire(now: now) {
                announced.formUnion((shown.last ?? 0) + 1..<(late.last ?? 0))
                shown += late
            }
            settle(order.apply(seq, seq: seq, of: Self.chat, age: .zero, now: now))
        }
        for late in order.expire(now: now + .seconds(1)) {
            announced.formUnion((shown.last ?? 0) + 1..<(late.last ?? 0))
            shown += late
        }
        #expect(shown == shown.sorted())
        #expect(Set(shown).count == shown.count)
        #expect(Set(coming).isSubset(of: Set(shown).union(announced)))
        #expect(!order.isHolding)
    }

    @Test("a message of an unknown chat is delivered, unless it is old enough to be a repeat")
    func unknown() {
        let now = ContinuousClock.now
        var order = MessageSequencer<Int>(now: now)
        guard case .deliver([1]) = order.apply(1, seq: 5, of: Self.chat, age: .seconds(3), now: now) else {
            return #expect(Bool(false))
        }
        guard case .sendGap(2) = order.apply(2, seq: 9, of: ChatID(rawValue: 8), age: .seconds(31), now: now) else {
            return #expect(Bool(false))
        }
    }

    @Test(
        "a chat whose members were on another instance continues with any message; earlier ones are not repeated"
    )
    func elsewhere() {
        let now = ContinuousClock.now
        var order = MessageSequencer<Int64>(now: now)
        _ = order.apply(3, seq: 3, of: Self.chat, age: .zero, now: now)
        order.recordNewPartitions()
        guard case .deliver([9]) = order.apply(9, seq: 9, of: Self.chat, age: .zero, now: now) else {
            return #expect(Bool(false))
        }
        guard case .nothing = order.apply(9, seq: 9, of: Self.chat, age: .zero, now: now) else { return #expect(Bool(false)) }
        guard case .sendGap(8) = order.apply(8, seq: 8, of: Self.chat, age: .zero, now: now) else { return #expect(Bool(false)) }
        guard case .deliver([10]) = order.apply(10, seq: 10, of: Self.chat, age: .zero, now: now) else {
            return #expect(Bool(false))
        }
    }

    @Test("after an interruption nothing is repeated or held, and a message out of order is a gap")
    func interrupted() {
        let now = ContinuousClock.now
        var order = MessageSequencer<Int64>(now: now)
        func take(_ seq: Int64) -> String {
            switch order.apply(seq, seq: seq, of: Self.chat, age: .zero, now: now) {
            case .deliver(let all): "show \(all)"
            case .nothing: "nothing"
            case .sendGap: "gap"
            }
        }
        #expect([3, 5].map(take) == ["show [3]", "nothing"])
        order.interrupt()
        #expect(!order.isHolding)
        #expect([3, 7, 5, 8].map(take) == ["nothing", "show [7]", "gap", "show [8]"])
    }

    @Test("when chats are forgotten early, messages that may have been delivered are not repeated")
    func crowded() {
        let start = ContinuousClock.now
        var order = MessageSequencer<Int64>(now: start)
        _ = order.apply(1, seq: 1, of: Self.chat, age: .zero, now: start)
        for half in 0..<2 as Range<Int64> {
            for number in 0..<Int64(MessageSequencer<Int64>.chatsRemembered) {
                let chat = ChatID(rawValue: 1_000 + half * 1_000_000 + number)
                _ = order.apply(1, seq: 1, of: chat, age: .zero, now: start + .seconds(10 + half))
            }
        }
        let now = start + .seconds(20)
        guard case .sendGap = order.apply(1, seq: 1, of: Self.chat, age: .seconds(20), now: now) else {
            return #expect(Bool(false))
        }
        guard case .deliver = order.apply(1, seq: 1, of: ChatID(rawValue: 8), age: .seconds(1), now: now) else {
            return #expect(Bool(false))
        }
    }

    @Test("messages held while partitions arrive are delivered in order and once")
    func heldMeanwhile() {
        let now = ContinuousClock.now
        var order = MessageSequencer<Int64>(now: now)
        func take(_ seq: Int64) -> MessageSequencer<Int64>.Verdict {
            order.apply(seq, seq: seq, of: Self.chat, age: .zero, now: now)
        }
        _ = take(3)
        for seq in [5, 9] as [Int64] { guard case .nothing = take(seq) else { return #expect(Bool(false)) } }
        order.recordNewPartitions()
        guard case .nothing = take(9) else { return #expect(Bool(false)) }
        guard case .deliver([5, 8, 9]) = take(8) else { return #expect(Bool(false)) }
        guard case .nothing = take(9) else { return #expect(Bool(false)) }
        #expect(order.expire(now: now + .seconds(1)).isEmpty && !order.isHolding)
    }

    @Test("recipients of a later part of a message get gap")
    func parts() {
        let now = ContinuousClock.now
        var order = MessageSequencer<String>(now: now)
        func take(_ seq: Int64, _ share: UInt64) -> String {
            switch order.apply("\(seq)-\(share)", seq: seq, of: Self.chat, recipients: share, age: .zero, now: now) {
            case .deliver(let all): "show \(all.joined(separator: " "))"
            case .nothing: "nothing"
            case .sendGap(let one): "gap \(one)"
            }
        }
        #expect(take(1, 1) == "show 1-1")
        #expect(take(1, 2) == "gap 1-2")
        #expect(take(1, 1) == "nothing")
        // Held ones too.
        #expect([take(3, 1), take(3, 1), take(3, 2)] == ["nothing", "nothing", "gap 3-2"])
        #expect(take(2, 1) == "show 2-1 3-1")
        #expect([take(2, 1), take(3, 1), take(3, 2)] == ["nothing", "nothing", "gap 3-2"])
        // The recipients change from here on.
        #expect(take(4, 3) == "show 4-3")
        #expect([take(4, 3), take(4, 1), take(3, 1)] == ["nothing", "gap 4-1", "gap 3-1"])
        // Late, and late again.
        _ = order.apply("x", seq: 9, of: ChatID(rawValue: 8), recipients: 1, age: .zero, now: now)
        for seq in [7, 8] as [Int64] {
            guard
                case .sendGap = order.apply(
                    "x", seq: seq == 7 ? 8 : 7, of: ChatID(rawValue: 8), recipients: 1, age: .zero, now: now)
            else { return #expect(Bool(false)) }
        }
        for seq in 7...9 as ClosedRange<Int64> {
            guard case .nothing = order.apply("x", seq: seq, of: ChatID(rawValue: 8), recipients: 1, age: .zero, now: now) else {
                return #expect(Bool(false))
            }
        }
    }

    @Test("a repeat is recognised for as long as it could count as new")
    func repeats() {
        let start = ContinuousClock.now
        var order = MessageSequencer<Int>(now: start)
        _ = order.apply(1, seq: 5, of: Self.chat, age: .zero, now: start)
        for seconds in 1...29 {
            let now = start + .seconds(seconds)
            _ = order.apply(0, seq: 1, of: ChatID(rawValue: Int64(100 + seconds)), age: .zero, now: now)
            guard case .nothing = order.apply(1, seq: 5, of: Self.chat, age: .seconds(seconds), now: now) else {
                return #expect(Bool(false))
            }
        }
        for seconds in [61, 122, 183] {
            let now = start + .seconds(seconds)
            switch order.apply(1, seq: 5, of: Self.chat, age: .seconds(seconds), now: now) {
            case .deliver: #expect(Bool(false), "shown twice after \(seconds) s")
            case .nothing, .sendGap: break
            }
        }
    }
}
