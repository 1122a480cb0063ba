import Foundation

/// A synthetic week of load: a daily cycle, quieter weekends, noise, and a few bursts.
struct SyntheticLoad: Sendable {
    private struct Burst: Sendable {
        let at: Int
        let height: Double
    }

    /// The highest number of connected users outside bursts.
    let peakUsers: Double
    private let bursts: [Burst]
    private let phases: [Double]

    init(peakUsers: Double, days: Int, random: inout some RandomNumberGenerator) {
        self.peakUsers = peakUsers
        bursts = (0..<days / 2).map { _ in
            Burst(at: Int.random(in: 0..<days * 86_400, using: &random), height: Double.random(in: 0.05...0.15, using: &random))
        }
        phases = (0..<4).map { _ in Double.random(in: 0..<2 * .pi, using: &random) }
    }

    /// - Parameter second: since the beginning of a Monday.
    func users(at second: Int) -> Double {
        let hour = Double(second % 86_400) / 3_600
        let isWeekend = second / 86_400 % 7 >= 5
        // Lowest at four in the morning, highest in the evening, with a shoulder at noon.
        let day = 0.5 - 0.5 * cos((hour - 4) / 24 * 2 * .pi)
        let evening = exp(-pow((hour - 20) / 2.5, 2))
        let shape = 0.28 + 0.42 * day + 0.30 * evening
        let noise = phases.enumerated().reduce(0) { sum, phase in
            sum + 0.004 * sin(Double(second) / Double(600 * (phase.offset + 1)) + phase.element)
        }
        // The maximum of the shape is 0.9.
        return peakUsers / 0.9 * (isWeekend ? 0.87 : 0.99) * shape * (1 + noise) * (1 + burst(at: second))
    }

    /// A burst rises for four minutes, then halves every quarter of an hour.
    private func burst(at second: Int) -> Double {
        bursts.reduce(0) { sum, burst in
            let age = Double(second - burst.at)
            if age < 0 { return sum }
            return sum + burst.height * min(1, age / 240) * pow(0.5, max(0, age - 240) / 900)
        }
    }

    static func load(of users: Double) -> FleetLoad {
        FleetLoad(connections: users, cpu: users * 0.000_018, outboundBytes: users * 800)
    }
}

/// SplitMix64: a seeded random number generator.
struct SplitMix: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
