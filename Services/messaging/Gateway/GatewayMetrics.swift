import Metrics
import Synchronization

/// Counters of the gateway, for `/metrics` and for heartbeats. Safe from any thread.
final class GatewayMetrics: Sendable {
    /// Open connections.
    let connections = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)
    private let frames = Counter(label: "martlet_socket_frames_sent")
    private let sentBytes = Counter(label: "martlet_socket_bytes_sent")
    private let received = Counter(label: "martlet_socket_frames_received")
    private let gaps = Counter(label: "martlet_socket_gaps")
    private let tooSlow = Counter(label: "martlet_socket_too_slow")
    private let outOfOrder = Counter(label: "martlet_socket_messages_out_of_order")
    private let resumed = Counter(label: "martlet_socket_resumed")
    private let moved = Counter(label: "martlet_socket_moved")
    private let connectionGauge = Gauge(label: "martlet_socket_connections")
    private let partitionGauge = Gauge(label: "martlet_partitions_served")

    func recordReceived() { received.increment() }

    func recordSent(bytes count: Int) {
        bytes.add(count, ordering: .relaxed)
        frames.increment()
        sentBytes.increment(by: Int64(count))
    }

    func record(_ occurrence: GatewayOccurrence) {
        switch occurrence {
        case .framesSkipped: gaps.increment()
        case .clientTooSlow: tooSlow.increment()
        case .messageOutOfOrder: outOfOrder.increment()
        case .sessionResumed: resumed.increment()
        case .clientMoved: moved.increment()
        case .deliveryGap: break
        }
    }

    /// Returns the bytes that were sent since the last call.
    func drainSentBytes() -> Int { bytes.exchange(0, ordering: .relaxed) }

    /// Updates the gauges.
    ///
    /// - Parameter partitions: the partitions whose users are accepted.
    func record(partitions: Int) {
        connectionGauge.record(connections.load(ordering: .relaxed))
        partitionGauge.record(partitions)
    }
}
