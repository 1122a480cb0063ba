import Contracts
import Synchronization

/// Notifies the leader that this instance refuses members' heartbeats, before it answers them; at most 20
/// times a second.
final class StandstillNotifier: Sendable {
    enum NotifyResult: Hashable, Sendable {
        /// The leader knows that members keep their leases without heartbeats, and declares none dead.
        case notified
        /// Another instance leads and can reach Postgres. Members can send their heartbeats to that one.
        case peerLeads
        case failed
    }

    /// Far less than the margin between a member's lease and its death.
    private static let repeatInterval = Duration.milliseconds(50)

    private let instance: String
    private let origin = ContinuousClock.now
    private let publish: @Sendable (RoutingPulse) async throws -> Void
    private let state: Mutex<(peers: PeerLeaderMonitor, notifiedAt: Duration?)>

    init(_ instance: String, timing: LeaseTiming, publish: @escaping @Sendable (RoutingPulse) async throws -> Void) {
        self.instance = instance
        self.publish = publish
        state = Mutex((PeerLeaderMonitor(timing), nil))
    }

    func received(_ heartbeat: RoutingPulse) {
        if heartbeat.instance != instance { state.withLock { $0.peers.received(heartbeat, at: now) } }
    }

    func notify() async -> NotifyResult {
        let begin = now
        let (peerLeads, isRecent) = state.withLock { state in
            (state.peers.isFresh(at: begin), state.notifiedAt.map { begin - $0 < Self.repeatInterval } ?? false)
        }
        if peerLeads { return .peerLeads }
        if isRecent { return .notified }
        do { try await publish(RoutingPulse(instance: instance, isCut: true)) } catch { return .failed }
        state.withLock { $0.notifiedAt = begin }
        return .notified
    }

    private var now: Duration { origin.duration(to: .now) }
}
