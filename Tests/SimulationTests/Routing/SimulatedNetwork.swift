import TestSupport

/// Simulated time in milliseconds, and messages that are delayed or lost.
final class SimulatedNetwork {
    private struct Event {
        let at: Int
        let number: Int
        let body: () -> Void
    }

    private(set) var now = 0
    /// Sorted; the next event is the last one.
    private var events: [Event] = []
    private var eventCount = 0
    var random: SeededGenerator
    /// The probability that a message is lost, in either direction.
    var loss = 0.0

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    /// The number of events that were processed.
    var handled: Int { eventCount - events.count }

    func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &random) < probability }
    func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    func after(_ milliseconds: Int, _ body: @escaping () -> Void) {
        eventCount += 1
        let event = Event(at: now + milliseconds, number: eventCount, body: body)
        var (low, high) = (0, events.count)
        while low < high {
            let middle = (low + high) / 2
            if (events[middle].at, events[middle].number) > (event.at, event.number) { low = middle + 1 } else { high = middle }
        }
        events.insert(event, at: low)
    }

    /// Processes all events until `end`, and calls `check` after each.
    func run(until end: Int, _ check: () -> Void) {
        while let event = events.last, event.at <= end {
            events.removeLast()
            now = event.at
            event.body()
            check()
        }
        now = end
    }

    /// Returns the transmission time of a message. Where messages get lost, some are delayed for long.
    private func delay() -> Int { chance(0.02 * min(1, loss * 100)) ? number(50...900) : number(1...15) }

    /// Sends a request. It may be lost, processed without its response arriving, or answered.
    ///
    /// - Parameters:
    ///   - timeout: in milliseconds. A request that arrives later than this is still processed.
    ///   - work: processes the request; `nil` for no response.
    ///   - then: called once, with `nil` when no response arrived in time.
    func request<Response>(
        timeout: Int = 1_000, _ work: @escaping () -> Response?, then: @escaping (Response?) -> Void
    ) {
        var isOpen = true
        func complete(_ response: Response?) {
            if isOpen { then(response) }
            isOpen = false
        }
        after(timeout) { complete(nil) }
        if chance(loss) { return }
        after(delay()) { [self] in
            guard let response = work(), !chance(loss) else { return }
            after(delay()) { complete(response) }
        }
    }
}

/// A process that can die and pause, with a clock that runs up to 0.1 % fast or slow.
class SimulatedProcess {
    let network: SimulatedNetwork
    let name: String
    private let rate: Double
    /// The number of starts.
    private(set) var run = 0
    private(set) var isAlive = false
    private(set) var pausedUntil = 0

    init(_ name: String, _ network: SimulatedNetwork) {
        self.name = name
        self.network = network
        rate = 1 + Double(network.number(-10...10)) / 10_000
    }

    /// A monotonic clock.
    var clock: Duration { .microseconds(Int64(Double(network.now) * rate * 1_000)) }
    var isPaused: Bool { network.now < pausedUntil }

    /// Starts with an empty memory; a live process restarts.
    func start() {
        run += 1
        isAlive = true
        pausedUntil = 0
    }

    func die() { isAlive = false }
    func pause(for milliseconds: Int) { pausedUntil = max(pausedUntil, network.now + milliseconds) }

    /// Calls `body` later in the same run of the process. A paused process calls it when the pause ends.
    func later(_ milliseconds: Int, _ body: @escaping () -> Void) {
        let run = run
        network.after(milliseconds) { [self] in resume(run, body) }
    }

    /// Calls `body` now if the process is still in this run, or when its pause ends.
    func resume(_ run: Int, _ body: @escaping () -> Void) {
        guard isAlive, run == self.run else { return }
        if isPaused { return network.after(pausedUntil - network.now) { [self] in resume(run, body) } }
        body()
    }
}
