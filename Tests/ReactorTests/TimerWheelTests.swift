import TestSupport
import Testing

@testable import Reactor

@Suite("Timer wheel") struct TimerWheelTests {
    @Test("fires at the due time, earliest first, and never early")
    func order() {
        var wheel = TimerWheel<String>(now: 100)
        _ = wheel.schedule(at: 130, "late")
        _ = wheel.schedule(at: 110, "early")
        #expect(wheel.removeDue(at: 109).isEmpty)
        #expect(wheel.removeDue(at: 130) == ["early", "late"])
        #expect(wheel.count == 0)
        #expect(wheel.nextCheck() == nil)
    }

    @Test("a timer within one turn of the wheel is checked when it is due, and not before")
    func look() {
        for now in [Int64(0), 63, 64, 1_000, 1_023, 1_024, 5_000_001] {
            for ahead in Int64(1)...1_024 {
                var wheel = TimerWheel<Int>(now: now)
                _ = wheel.schedule(at: now + ahead, 1)
                #expect(wheel.nextCheck() == now + ahead)
            }
        }
    }

    @Test("a cancelled timer does not fire, and its token does not affect later timers")
    func cancel() {
        var wheel = TimerWheel<Int>(now: 0)
        let first = wheel.schedule(at: 5, 1)
        wheel.cancel(first)
        _ = wheel.schedule(at: 5, 2)
        wheel.cancel(first)
        #expect(wheel.removeDue(at: 10) == [2])
    }

    @Test("agrees with a sorted list under any schedule of insertions, cancellations and jumps", arguments: UInt64(1)...50)
    func model(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var wheel = TimerWheel<Int>(now: 0)
        var model: [Int: (due: Int64, token: TimerWheel<Int>.Token)] = [:]
        var (now, fired) = (Int64(0), 0)
        for id in 0..<500 {
            let due = now + Int64.random(in: 1...5_000, using: &random)
            model[id] = (due, wheel.schedule(at: due, id))
            if Int.random(in: 0..<4, using: &random) == 0, let victim = model.randomElement(using: &random) {
                wheel.cancel(victim.value.token)
                model[victim.key] = nil
            }
            now += Int64.random(in: 0...(id % 50 == 0 ? 3_000 : 20), using: &random)
            let expected = model.filter { $0.value.due <= now }
            let taken = wheel.removeDue(at: now)
            #expect(Set(taken) == Set(expected.keys))
            #expect(zip(taken, taken.dropFirst()).allSatisfy { model[$0]!.due <= model[$1]!.due })
            for id in taken { model[id] = nil }
            fired += taken.count
            #expect(wheel.count == model.count)
            if let earliest = model.values.map(\.due).min() {
                #expect(wheel.nextCheck().map { $0 > now && $0 <= earliest } == true)
            }
        }
        #expect(fired > 100)
    }
}
