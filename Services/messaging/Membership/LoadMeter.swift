import Contracts
import Foundation
import Synchronization

/// Measures the load of this process between two heartbeats.
final class LoadMeter: Sendable {
    private let metrics: GatewayMetrics
    private let last: Mutex<(at: ContinuousClock.Instant, cpu: Double)>

    init(_ metrics: GatewayMetrics) {
        self.metrics = metrics
        last = Mutex((.now, Self.processorSeconds))
    }

    /// Returns the load since the last call.
    func measure(connections: Int) -> Heartbeat.Load {
        let (now, cpu) = (ContinuousClock.now, Self.processorSeconds)
        let (seconds, spent) = last.withLock { last in
            defer { last = (now, cpu) }
            return (max(0.001, (now - last.at) / .seconds(1)), cpu - last.cpu)
        }
        return Heartbeat.Load(
            connections: connections, cpu: spent / seconds, outboundBytes: Double(metrics.drainSentBytes()) / seconds)
    }

    /// POSIX defines `CLOCKS_PER_SEC` as one million.
    private static var processorSeconds: Double { Double(clock()) / 1e6 }
}
