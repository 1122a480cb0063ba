import TestSupport

/// Simulated time, in milliseconds, and messages that take some, or get lost.
final class World {
    private struct Event {
        let at: Int
        let number: Int
        let body: () -> Void
    }

    private(set) var now = 0
    private var events: [Event] = []
    private var eventCount = 0
    var random: SeededGenerator
    /// Of 1: how often a message gets lost on its way, in either direction.
    var loss = 0.0

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    var handled: Int { eventCount - events.count }

    func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &random) < probability }
    func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    func after(_ milliseconds: Int, _ body: @escaping () -> Void) {
        eventCount += 1
        let event = Event(at: now + milliseconds, number: eventCount, body: body)
        var (low, high) = (0, events.count)
        // The next one stands last.
        while low < high {
            let middle = (low + high) / 2
            if (events[middle].at, events[middle].number) > (event.at, event.number) { low = middle + 1 } else { high = middle }
        }
        events.insert(event, at: low)
    }

    /// Runs until then, with `check` after every event.
    func run(until end: Int, _ check: () -> Void) {
        while let event = events.last, event.at <= end {
            events.removeLast()
            now = event.at
            event.body()
            check()
        }
        now = end
    }

    /// How long a message takes; now and then for long.
    private func delay() -> Int { chance(0.02 * min(1, loss * 100)) ? number(50...900) : number(1...15) }

    /// A call: it may be lost, done and its answer lost, or answered.
    ///
    /// - Parameter then: hears `nil` when there was no answer in time.
    func ask<Answer>(_ work: @escaping () -> Answer?, then: @escaping (Answer?) -> Void) {
        if chance(loss) { return after(1_000) { then(nil) } }
        after(delay()) { [self] in
            let answer = work()
            if chance(loss) { return after(1_000) { then(nil) } }
            after(delay()) { then(answer) }
        }
    }
}

/// A process that can die, stand still, and has a clock of its own that runs a little fast or slow.
class Process {
    let world: World
    private let rate: Double
    private(set) var life = 0
    private(set) var isAlive = false
    private(set) var pausedUntil = 0

    init(_ world: World) {
        self.world = world
        rate = 1 + Double(world.number(-10...10)) / 10_000
    }

    var clock: Duration { .microseconds(Int64(Double(world.now) * rate * 1_000)) }
    var isPaused: Bool { world.now < pausedUntil }

    func start() {
        life += 1
        isAlive = true
        pausedUntil = 0
    }

    func die() { isAlive = false }
    func pause(for milliseconds: Int) { pausedUntil = max(pausedUntil, world.now + milliseconds) }

    /// Does something later, if it is still the same life; a process that stands still does it when it goes on.
    func later(_ milliseconds: Int, _ body: @escaping () -> Void) {
        let born = life
        world.after(milliseconds) { [self] in resume(born, body) }
    }

    func resume(_ born: Int, _ body: @escaping () -> Void) {
        guard isAlive, life == born else { return }
        if isPaused { return world.after(pausedUntil - world.now) { [self] in resume(born, body) } }
        body()
    }
}
