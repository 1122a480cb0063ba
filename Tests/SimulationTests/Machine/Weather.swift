/// How bad a run is. Each kind of trouble is there or not, so that some runs have one alone and others many at once.
struct Weather {
    /// Of a message: vanishes, comes twice, takes seconds instead of milliseconds.
    var drop = 0.0
    var double = 0.0
    var slow = 0.0
    /// Of a call: is sent back or refused by a full queue; its connection goes before it is confirmed.
    var refuse = 0.0
    var lose = 0.0
    /// Of each step of a transaction: the connection goes.
    var breakOff = 0.0
    /// Milliseconds between two blows to some process, on average; 0: none.
    var blowEvery: Int64 = 0
    var crashes = false
    var freezes = false
    var clocks = false
    var outages = false

    static let calm = Weather()

    init() {}

    init(_ simulator: Simulator) {
        func rate(_ most: Double) -> Double {
            simulator.happens(0.6) ? most * Double(simulator.between(1, 100)) / 100 : 0
        }
        (drop, double, slow) = (rate(0.1), rate(0.2), rate(0.2))
        (refuse, lose, breakOff) = (rate(0.1), rate(0.1), rate(0.1))
        blowEvery = simulator.happens(0.8) ? simulator.between(300, 6_000) : 0
        (crashes, freezes) = (simulator.happens(0.6), simulator.happens(0.6))
        (clocks, outages) = (simulator.happens(0.6), simulator.happens(0.4))
    }
}
