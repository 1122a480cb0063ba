import TestSupport
import Testing

/// The rules of bff, chats, idgen and users together, over a bus that drops, repeats, delays and reorders, while processes die, stand still and mistake the time.
///
/// Everything follows from one number. A run that fails prints it, with what happened last; `make simulate seed=<number>` is that run again.
@Suite("Simulation") struct SimulationTests {
    /// Always the same, or the one asked for; and some that nobody has tried before.
    static let seeds: [UInt64] = {
        if let one = UInt64(TestStack.value("SIMULATION_SEED")) { return [one] }
        let fresh = Int(TestStack.value("SIMULATION_SEEDS")) ?? 4
        return Array(1...8) + (0..<fresh).map { _ in UInt64.random(in: 1_000...999_999_999) }
    }()

    @Test(
        "whatever goes wrong: what was acknowledged is there once, in one order, told of; and all is answered once things are well",
        arguments: seeds)
    func storm(seed: UInt64) {
        let storm = Storm(seed: seed)
        if let broken = storm.run() { return report(broken, of: seed) }
        // It did reach the code.
        #expect(storm.world.people.reduce(0) { $0 + $1.sends.count } > 100)
        #expect(storm.world.issuedIDs > 100)
    }

    /// The same run again, this time written down.
    private func report(_ broken: String, of seed: UInt64) {
        let storm = Storm(seed: seed, isTraced: true)
        _ = storm.run()
        let trace = storm.world.simulator.trace.lines.suffix(40).joined(separator: "\n")
        Issue.record("seed \(seed): \(broken)\nagain: make simulate seed=\(seed)\n\(trace)")
    }

    @Test("the same seed is the same run")
    func sameRun() {
        let runs = (0..<2).map { _ in Storm(seed: 3, isTraced: true) }
        for run in runs { _ = run.run() }
        #expect(runs[0].world.simulator.trace.lines == runs[1].world.simulator.trace.lines)
        #expect(runs[0].world.simulator.events > 5_000)
    }
}
