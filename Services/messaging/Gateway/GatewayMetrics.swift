import Metrics
import Synchronization

/// How much goes on, for the heartbeat and for `/metrics`.
final class GatewayMetrics: Sendable {
    let connections = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)
    private let frames = Counter(label: "martlet_socket_frames_sent")
    private let sentBytes = Counter(label: "martlet_socket_bytes_sent")
    private let received = Counter(label: "martlet_socket_frames_received")
    private let gaps = Counter(label: "martlet_socket_gaps")
    private let tooSlow = Counter(label: "martlet_socket_too_slow")
    private let disorder = Counter(label: "martlet_socket_messages_out_of_order")
    private let resumed = Counter(label: "martlet_socket_resumed")
    private let moved = Counter(label: "martlet_socket_moved")
    private let gauge = Gauge(label: "martlet_socket_connections")
    private let served = Gauge(label: "martlet_partitions_served")

    func noteReceived() { received.increment() }
    func noteGap() { gaps.increment() }
    func noteTooSlow() { tooSlow.increment() }
    func noteDisorder() { disorder.increment() }
    func noteResumed() { resumed.increment() }
    func noteMoved() { moved.increment() }

    func sent(_ count: Int) {
        bytes.add(count, ordering: .relaxed)
        frames.increment()
        sentBytes.increment(by: Int64(count))
    }

    /// Bytes sent since it was asked last.
    func takeBytes() -> Int { bytes.exchange(0, ordering: .relaxed) }

    /// - Parameter partitions: whose users are accepted.
    func record(partitions: Int) {
        gauge.record(connections.load(ordering: .relaxed))
        served.record(partitions)
    }
}
