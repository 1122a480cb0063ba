import TestSupport

/// The clock and the source of randomness of a run. Runs all actions one after another on the caller's
/// thread, without waiting for real time.
final class Simulator {
    /// The true time in milliseconds since the start. No process can read it.
    private(set) var now: Int64 = 0
    /// The number of actions that have run.
    private(set) var actions = 0
    private(set) var violation: String?
    private(set) var trace: Trace
    private var random: SeededGenerator
    private var timeline = Timeline()

    init(seed: UInt64, isTraced: Bool) {
        random = SeededGenerator(seed: seed)
        trace = Trace(isOn: isTraced)
    }

    func after(_ milliseconds: Int64, _ body: @escaping () -> Void) {
        timeline.add(.init(time: now + max(0, milliseconds), tieBreaker: random.next(), body: body))
    }

    /// Runs the actions until `end` or until a promise is broken.
    func run(until end: Int64) {
        while violation == nil, let action = timeline.next(notAfter: end) {
            now = action.time
            actions += 1
            action.body()
        }
        if violation == nil { now = end }
    }

    /// Drops the remaining actions and what they retain.
    func end() { timeline.removeAll() }

    // MARK: Randomness

    func happens(_ probability: Double) -> Bool { probability > 0 && Double.random(in: 0..<1, using: &random) < probability }
    func between(_ low: Int64, _ high: Int64) -> Int64 { Int64.random(in: low...high, using: &random) }
    func oneOf<Element>(_ elements: [Element]) -> Element { elements[Int.random(in: elements.indices, using: &random)] }

    // MARK: Observations

    /// Ends the run because a promise is broken. Only the first one is reported.
    func violated(_ promise: @autoclosure () -> String) {
        if violation == nil { violation = promise() }
    }

    func check(_ holds: Bool, _ promise: @autoclosure () -> String) {
        if !holds { violated(promise()) }
    }

    func record(_ line: @autoclosure () -> String) {
        if trace.isOn, violation == nil { trace.add("\(now) ms  \(line())") }
    }
}

/// The log of a run. Recorded only when a failed seed is repeated.
struct Trace {
    let isOn: Bool
    private(set) var lines: [String] = []

    init(isOn: Bool) { self.isOn = isOn }

    mutating func add(_ line: String) { lines.append(line) }
}
