/// A process: it can be killed, stopped and woken, and its clock is its own. What it keeps in memory it forgets with every life.
class Host {
    /// 2026-01-01T00:00:00Z, in milliseconds since 1970: when every run begins.
    static let beginning: Int64 = 1_767_225_600_000

    let simulator: Simulator
    let name: String
    var clock = SkewedClock()
    private(set) var isUp = false
    private(set) var life = 0
    private var frozenUntil: Int64 = 0

    init(_ name: String, _ simulator: Simulator) { (self.name, self.simulator) = (name, simulator) }

    /// Milliseconds since 1970, by this process's clock.
    var wallClock: Int64 { Self.beginning + clock.reading(at: simulator.now) }
    /// What `ContinuousClock.now` would be: runs evenly for everybody.
    var instant: ContinuousClock.Instant { Origin.instant + .milliseconds(simulator.now) }

    /// Later in this life; a process that is stopped does it once it is woken.
    func after(_ milliseconds: Int64, _ body: @escaping () -> Void) {
        let life = life
        simulator.after(milliseconds) { self.go(on: life, body) }
    }

    private func go(on life: Int, _ body: @escaping () -> Void) {
        guard isUp, life == self.life else { return }
        if frozenUntil <= simulator.now { return body() }
        simulator.after(frozenUntil - simulator.now) { self.go(on: life, body) }
    }

    // MARK: Life

    /// To be overridden: begins with an empty memory.
    func begin() {}
    /// To be overridden: what others learn when its connections end.
    func gone() {}

    final func start() {
        if isUp { return }
        (isUp, life, frozenUntil) = (true, life + 1, 0)
        simulator.note("\(name) starts")
        begin()
    }

    final func crash(for milliseconds: Int64) {
        guard isUp else { return }
        simulator.note("\(name) crashes")
        isUp = false
        gone()
        simulator.after(milliseconds) { self.start() }
    }

    final func freeze(for milliseconds: Int64) {
        simulator.note("\(name) is stopped for \(milliseconds) ms")
        frozenUntil = max(frozenUntil, simulator.now + milliseconds)
    }

    final func thaw() { frozenUntil = 0 }
}

/// Only differences to it matter.
private enum Origin {
    static let instant = ContinuousClock.now
}
