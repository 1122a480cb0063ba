import TestSupport
import Testing

/// Runs the rules of bff, chats, idgen and users together over a bus that drops, repeats, delays and reorders
/// messages, while processes die, freeze and have wrong clocks.
///
/// One seed determines a run. A failed run prints its seed and its last actions; `make simulate
/// seed=<number>` repeats it.
@Suite("Simulation") struct SimulationTests {
    /// Eight fixed seeds and some new ones, or the requested one.
    static let seeds: [UInt64] = {
        if let one = UInt64(TestStack.value("SIMULATION_SEED")) { return [one] }
        let fresh = Int(TestStack.value("SIMULATION_SEEDS")) ?? 4
        return Array(1...8) + (0..<fresh).map { _ in UInt64.random(in: 1_000...999_999_999) }
    }()

    @Test(
        "under faults, acknowledged messages are stored and published once in one order; afterwards every send is answered",
        arguments: seeds)
    func faultRun(seed: UInt64) {
        let faultRun = FaultRun(seed: seed)
        if let broken = faultRun.run() { return report(broken, of: seed) }
        // Guards against a vacuous run.
        #expect(faultRun.system.people.reduce(0) { $0 + $1.sends.count } > 100)
        #expect(faultRun.system.issuedIDs > 100)
    }

    /// Repeats the run with a log.
    private func report(_ broken: String, of seed: UInt64) {
        let faultRun = FaultRun(seed: seed, isTraced: true)
        _ = faultRun.run()
        let trace = faultRun.system.simulator.trace.lines.suffix(40).joined(separator: "\n")
        Issue.record("seed \(seed): \(broken)\nrepeat: make simulate seed=\(seed)\n\(trace)")
    }

    @Test("the same seed is the same run")
    func sameRun() {
        let runs = (0..<2).map { _ in FaultRun(seed: 3, isTraced: true) }
        for run in runs { _ = run.run() }
        #expect(runs[0].system.simulator.trace.lines == runs[1].system.simulator.trace.lines)
        #expect(runs[0].system.simulator.actions > 5_000)
    }
}
