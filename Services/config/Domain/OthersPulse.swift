import Contracts

/// Whether another instance leads and has Postgres, as far as its pulses tell.
struct OthersPulse: Sendable {
    /// Two pulses may get lost; and whoever trusts in it in vain has time to think again before any lease runs out.
    private let trust: Duration
    private var last: (instance: String, at: Duration)?

    init(_ terms: LeaseTerms) { trust = terms.lease / 2 }

    /// - Parameter pulse: of another instance.
    mutating func heard(_ pulse: RoutingPulse, at now: Duration) {
        if !pulse.isCut { last = (pulse.instance, now) } else if last?.instance == pulse.instance { last = nil }
    }

    func isFresh(at now: Duration) -> Bool { last.map { now - $0.at < trust } ?? false }
}
