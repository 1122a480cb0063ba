/// The faults of a run. Each kind is present or absent, so that some runs have a single kind and others many
/// at once.
struct FaultProfile {
    /// The probability that a message is lost.
    var drop = 0.0
    /// The probability that a message is delivered twice.
    var duplicate = 0.0
    /// The probability that a message takes seconds instead of milliseconds.
    var slow = 0.0
    /// The probability that a call is returned, or rejected by a full queue.
    var refuse = 0.0
    /// The probability that the connection is lost before a call is confirmed.
    var lose = 0.0
    /// The probability, in each step of a transaction, that the connection is lost.
    var disconnect = 0.0
    /// The average time between two faults of a process in milliseconds; 0 for none.
    var faultInterval: Int64 = 0
    var crashes = false
    var freezes = false
    var clocks = false
    var outages = false

    static let none = FaultProfile()

    init() {}

    init(_ simulator: Simulator) {
        func rate(_ most: Double) -> Double {
            simulator.happens(0.6) ? most * Double(simulator.between(1, 100)) / 100 : 0
        }
        drop = rate(0.1)
        duplicate = rate(0.2)
        slow = rate(0.2)
        refuse = rate(0.1)
        lose = rate(0.1)
        disconnect = rate(0.1)
        faultInterval = simulator.happens(0.8) ? simulator.between(300, 6_000) : 0
        crashes = simulator.happens(0.6)
        freezes = simulator.happens(0.6)
        clocks = simulator.happens(0.6)
        outages = simulator.happens(0.4)
    }
}
