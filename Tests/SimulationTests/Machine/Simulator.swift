import TestSupport

/// The one clock and the one source of chance of a run. Everything happens on the caller's thread, one event after the other; nothing waits for real time.
final class Simulator {
    /// Milliseconds since the run began: true time, which no process can read.
    private(set) var now: Int64 = 0
    private(set) var events = 0
    private(set) var violation: String?
    private(set) var trace: Trace
    private var random: SeededGenerator
    private var queue = EventQueue()

    init(seed: UInt64, isTraced: Bool) {
        random = SeededGenerator(seed: seed)
        trace = Trace(isOn: isTraced)
    }

    func after(_ milliseconds: Int64, _ body: @escaping () -> Void) {
        queue.add(.init(time: now + max(0, milliseconds), tie: random.next(), body: body))
    }

    /// Until the time has come, or a promise is broken.
    func run(until end: Int64) {
        while violation == nil, let event = queue.next(notAfter: end) {
            now = event.time
            events += 1
            event.body()
        }
        if violation == nil { now = end }
    }

    /// Forgets all that was still to happen.
    func end() { queue.removeAll() }

    // MARK: Chance

    func happens(_ probability: Double) -> Bool { probability > 0 && Double.random(in: 0..<1, using: &random) < probability }
    func between(_ low: Int64, _ high: Int64) -> Int64 { Int64.random(in: low...high, using: &random) }
    func oneOf<Element>(_ elements: [Element]) -> Element { elements[Int.random(in: elements.indices, using: &random)] }

    // MARK: What is seen

    /// A promise is broken: the run ends. The first one counts.
    func violated(_ promise: @autoclosure () -> String) {
        if violation == nil { violation = promise() }
    }

    func check(_ holds: Bool, _ promise: @autoclosure () -> String) {
        if !holds { violated(promise()) }
    }

    func note(_ line: @autoclosure () -> String) {
        if trace.isOn, violation == nil { trace.add("\(now) ms  \(line())") }
    }
}

/// The last of what happened. Kept only when a seed is run again because it failed: most runs do not.
struct Trace {
    let isOn: Bool
    private(set) var lines: [String] = []

    init(isOn: Bool) { self.isOn = isOn }

    mutating func add(_ line: String) { lines.append(line) }
}
