import NIOWebSocket
import Synchronization

/// Clients that do not take what they are told.
extension Gateway {
    /// Once a second: whoever takes again is told what they missed, whoever has not for too long is let go; and all of it together stays within bounds.
    func lookAtCongestion(now: ContinuousClock.Instant) {
        let waiting = entries.values.reduce(0) { $0 + ($1.port?.outstanding.load(ordering: .relaxed) ?? 0) }
        outboundLimit = waiting > limits.outboundInAll ? limits.outbound / 16 : limits.outbound
        for id in gapped {
            guard let line = entries[id]?.line, let since = line.gappedAt else { continue }
            if (entries[id]?.port?.outstanding.load(ordering: .relaxed) ?? 0) <= outboundLimit / 2 {
                tellGap(id)
            } else if now - since >= limits.congestion {
                figures.noteTooSlow()
                dismiss(id, .policyViolation, nil)
            }
        }
    }
}
