import Foundation
import TestSupport
import Testing

/// The real rules of messaging's gateway while deliveries are lost, repeated and reordered, partitions move,
/// and connections and processes fail. A run follows from its seed: `make simulate seed=<number>` repeats it.
@Suite("Simulation of the gateway") struct GatewaySimulationTests {
    private static let given = UInt64(TestStack.value("SIMULATION_SEED"))
    /// Each argument is the first of so many seeds.
    private static let runs: UInt64 = 50
    private static let starts: [UInt64] = {
        if let given { return [given] }
        let fresh = max(1, (Int(TestStack.value("SIMULATION_SEEDS")) ?? 200) / Int(runs))
        return stride(from: 1, through: 401, by: 50).map { $0 }
            + (0..<fresh).map { _ in UInt64.random(in: 1_000...999_999_999) }
    }()

    @Test(
        "clients get the messages of a chat in order and once; every loss is visible; one instance at most serves a user",
        arguments: starts)
    func guarantees(start: UInt64) {
        var counts = GatewaySimulation.Counts()
        for seed in start..<start + (Self.given == nil ? Self.runs : 1) {
            let simulation = GatewaySimulation(seed: seed)
            if let violation = simulation.run() { return report(violation, of: seed) }
            counts = counts + simulation.counts
            counts.handovers += simulation.assigner.handovers
        }
        if Self.given != nil { return }
        // The runs reach the rules.
        #expect(counts.messages > 1_500 && counts.repeats > 30 && counts.gaps > 50 && counts.fetches > 250)
        #expect(counts.skips > 3 && counts.resumes > 15 && counts.moves > 10 && counts.handovers > 8)
    }

    /// Repeats the run with a trace.
    private func report(_ violation: String, of seed: UInt64) {
        let simulation = GatewaySimulation(seed: seed, isTraced: true)
        _ = simulation.run()
        let trace = simulation.simulator.trace.lines.suffix(60).joined(separator: "\n")
        Issue.record("seed \(seed): \(violation)\nagain: make simulate seed=\(seed)\n\(trace)")
    }

    @Test("the same seed gives the same run")
    func reproducible() {
        let runs = (0..<2).map { _ in GatewaySimulation(seed: 7, isTraced: true) }
        for run in runs { #expect(run.run() == nil) }
        #expect(runs[0].simulator.trace.lines == runs[1].simulator.trace.lines)
        #expect(runs[0].simulator.actions > 300)
    }
}
