/// Whether this instance should be taken out of a balancer: before it first has a lease, and while it has none though others may.
struct Standing: Sendable {
    /// A broker is known to be silent after a second only: one heartbeat without an answer says nothing of whose fault it is.
    private static let patience = 2

    private var hasBeenMember = false
    /// Heartbeats in a row that left it without a lease, though the broker was there.
    private var refusals = 0

    var isGood: Bool { hasBeenMember && refusals < Self.patience }

    mutating func hasLease() {
        hasBeenMember = true
        refusals = 0
    }

    /// Without the broker nobody has a lease, and taking out every instance would help no one.
    mutating func hasNoLease(isConnected: Bool) { refusals = isConnected ? refusals + 1 : 0 }
}
