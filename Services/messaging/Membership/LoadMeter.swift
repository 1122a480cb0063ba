import Contracts
import Foundation
import Synchronization

/// How busy this process is, from one heartbeat to the next.
final class LoadMeter: Sendable {
    private let figures: GatewayMetrics
    private let last: Mutex<(at: ContinuousClock.Instant, cpu: Double)>

    init(_ figures: GatewayMetrics) {
        self.figures = figures
        last = Mutex((.now, Self.processorSeconds))
    }

    func read(connections: Int) -> Heartbeat.Load {
        let (now, cpu) = (ContinuousClock.now, Self.processorSeconds)
        let (seconds, spent) = last.withLock { last in
            defer { last = (now, cpu) }
            return (max(0.001, (now - last.at) / .seconds(1)), cpu - last.cpu)
        }
        return Heartbeat.Load(
            connections: connections, cpu: spent / seconds,
            outboundBytes: Double(figures.drainSentBytes()) / seconds)
    }

    /// POSIX counts a million to the second, whatever the clock.
    private static var processorSeconds: Double { Double(clock()) / 1e6 }
}
