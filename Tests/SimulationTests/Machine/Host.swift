/// A simulated process with a clock of its own. It can be killed, frozen and thawed, and starts with empty
/// memory.
class Host {
    /// The start of every run: 2026-01-01T00:00:00Z in milliseconds since 1970.
    static let beginning: Int64 = 1_767_225_600_000

    let simulator: Simulator
    let name: String
    var clock = SkewedClock()
    private(set) var isUp = false
    /// The number of starts.
    private(set) var life = 0
    private var frozenUntil: Int64 = 0

    init(_ name: String, _ simulator: Simulator) {
        self.name = name
        self.simulator = simulator
    }

    /// Milliseconds since 1970, by this process's clock.
    var wallClock: Int64 { Self.beginning + clock.reading(at: simulator.now) }
    /// The value of `ContinuousClock.now`, which runs evenly in all processes.
    var instant: ContinuousClock.Instant { Self.origin + .milliseconds(simulator.now) }

    /// Runs `body` later unless the process has ended by then. A frozen process runs it once thawed.
    func after(_ milliseconds: Int64, _ body: @escaping () -> Void) {
        let life = life
        simulator.after(milliseconds) { self.run(body, inLife: life) }
    }

    private func run(_ body: @escaping () -> Void, inLife life: Int) {
        guard isUp, life == self.life else { return }
        if frozenUntil <= simulator.now { return body() }
        simulator.after(frozenUntil - simulator.now) { self.run(body, inLife: life) }
    }

    // MARK: Life

    /// Starts with empty memory. Subclasses override it.
    func begin() {}
    /// Closes the connections after a crash. Subclasses override it.
    func connectionsClosed() {}

    final func start() {
        if isUp { return }
        isUp = true
        life += 1
        frozenUntil = 0
        simulator.record("\(name) starts")
        begin()
    }

    final func crash(for milliseconds: Int64) {
        guard isUp else { return }
        simulator.record("\(name) crashes")
        isUp = false
        connectionsClosed()
        simulator.after(milliseconds) { self.start() }
    }

    final func freeze(for milliseconds: Int64) {
        simulator.record("\(name) is frozen for \(milliseconds) ms")
        frozenUntil = max(frozenUntil, simulator.now + milliseconds)
    }

    final func thaw() { frozenUntil = 0 }

    /// An arbitrary instant: only differences to it matter.
    private static let origin = ContinuousClock.now
}

/// A wall clock that can run fast or slow, jump, and stop.
struct SkewedClock {
    private var anchor: (time: Int64, reading: Int64) = (0, 0)
    private var rate = 1.0

    /// - Parameter time: true time.
    /// - Returns: milliseconds since the run began, by this clock.
    func reading(at time: Int64) -> Int64 { anchor.reading + Int64(Double(time - anchor.time) * rate) }

    mutating func jump(by milliseconds: Int64, at time: Int64) { anchor = (time, reading(at: time) + milliseconds) }

    /// - Parameter rate: 1 for the right rate, 0 for a stopped clock.
    mutating func run(at rate: Double, from time: Int64) {
        anchor = (time, reading(at: time))
        self.rate = rate
    }

    /// Sets the clock to the true time, forwards or back.
    mutating func correct(at time: Int64) {
        anchor = (time, time)
        rate = 1
    }
}
