/// A wall clock as processes have them: it runs fast or slow, jumps, and stands still.
struct SkewedClock {
    private var anchor: (time: Int64, reading: Int64) = (0, 0)
    private var rate = 1.0

    /// - Parameter time: true time.
    /// - Returns: milliseconds since the run began, by this clock.
    func reading(at time: Int64) -> Int64 { anchor.reading + Int64(Double(time - anchor.time) * rate) }

    mutating func jump(by milliseconds: Int64, at time: Int64) { anchor = (time, reading(at: time) + milliseconds) }

    /// - Parameter rate: 1 is right, 0 stands still.
    mutating func run(at rate: Double, from time: Int64) {
        anchor = (time, reading(at: time))
        self.rate = rate
    }

    /// Set right by hand, whether that is forwards or back.
    mutating func setRight(at time: Int64) { (anchor, rate) = ((time, time), 1) }
}
