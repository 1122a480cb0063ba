/// Tells a silent peer from a quiet one: both sides send something at least every interval, and who has been silent for two is gone.
struct Heartbeat {
    /// As agreed with the broker; zero means that nobody sends any.
    let interval: Duration
    private var heard: ContinuousClock.Instant

    init(interval: Duration, now: ContinuousClock.Instant) {
        self.interval = interval
        heard = now
    }

    /// How often to look, and to send one: twice per interval.
    var tick: Duration? { interval > .zero ? interval / 2 : nil }

    mutating func hear(at now: ContinuousClock.Instant) { heard = now }

    func isDead(at now: ContinuousClock.Instant) -> Bool { interval > .zero && now - heard >= interval * 2 }
}
