import TestSupport
import Testing

@testable import AMQP

@Suite("The confirm window") struct ConfirmWindowTests {
    private func window(_ count: Int, capacity: Int = 8) -> ConfirmWindow<Int> {
        var window = ConfirmWindow<Int>(capacity: capacity)
        for number in 0..<count { window.append(number + 1) }
        return window
    }

    private func settleAll(_ window: inout ConfirmWindow<Int>, upTo number: UInt64) -> [Int] {
        var waiters: [Int] = []
        let last = window.lastAnswered(by: number)
        while let settled = window.popOldest(upTo: last) { settled.waiter.map { waiters.append($0) } }
        return waiters
    }

    @Test("messages are numbered from one and confirmed by number")
    func byNumber() {
        var window = window(3)
        #expect(window.next == 4)
        #expect(window.settle(2) == 2)
        #expect(window.settle(2) == nil)
        #expect(window.settle(9) == nil)
        #expect(window.settle(0) == nil)
        #expect(settleAll(&window, upTo: 3) == [1, 3])
        #expect(window.isEmpty)
        #expect(window.next == 4)
    }

    @Test("a confirm of number zero confirms all messages")
    func all() {
        var window = window(3)
        #expect(settleAll(&window, upTo: 0) == [1, 2, 3])
        #expect(window.isEmpty)
    }

    @Test("a confirm beyond the last message settles all, and numbering continues")
    func beyond() {
        var window = window(2)
        #expect(settleAll(&window, upTo: .max) == [1, 2])
        window.append(3)
        #expect(window.settle(3) == 3)
    }

    @Test("a returned message reports once; its confirm reports nothing")
    func returned() {
        var window = window(2)
        #expect(window.removeReturnedWaiter(1) == 1)
        #expect(window.removeReturnedWaiter(1) == nil)
        #expect(window.settle(1) == nil)
        #expect(window.settle(2) == 2)
        #expect(window.isEmpty)
    }

    @Test("the oldest unconfirmed message bounds the window")
    func full() {
        var window = window(4, capacity: 4)
        #expect(window.isFull)
        _ = window.settle(3)
        #expect(window.isFull)
        _ = window.settle(1)
        #expect(window.room == 1)
        _ = window.settle(2)
        #expect(window.room == 3)
    }

    @Test("the window is empty when all messages are confirmed, in any order")
    func emptyAgain() {
        var window = window(3)
        _ = window.settle(3)
        _ = settleAll(&window, upTo: 2)
        #expect(window.isEmpty)
        #expect(window.room == 8)
    }

    @Test("every waiter is called exactly once, for any confirms", arguments: UInt64(1)...40)
    func property(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var window = ConfirmWindow<Int>(capacity: 16)
        var (calls, published, open): ([Int: Int], Int, Set<Int>) = ([:], 0, [])
        for _ in 0..<1_000 {
            let number = UInt64.random(in: 0...UInt64(published + 2), using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0...2 where !window.isFull:
                published += 1
                #expect(window.next == UInt64(published))
                window.append(published)
                open.insert(published)
            case 3:
                if let waiter = window.settle(number) { calls[waiter, default: 0] += 1 }
                open.remove(Int(number))
            case 4:
                for waiter in settleAll(&window, upTo: number) { calls[waiter, default: 0] += 1 }
                open = number == 0 ? [] : open.filter { $0 > Int(number) }
            default:
                if let waiter = window.removeReturnedWaiter(number) { calls[waiter, default: 0] += 1 }
            }
            let oldest = open.min() ?? published + 1
            #expect(window.room == 16 - (published + 1 - oldest))
            #expect(window.isEmpty == open.isEmpty)
        }
        #expect(calls.values.allSatisfy { $0 == 1 })
        #expect((1...max(1, published)).allSatisfy { calls[$0] != nil || open.contains($0) })
        #expect(published > 50)
    }
}
