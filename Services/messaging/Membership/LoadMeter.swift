import Contracts
import Glibc
import Synchronization

/// How busy this process is, from one heartbeat to the next.
final class LoadMeter: Sendable {
    private let figures: HubFigures
    private let last: Mutex<(at: ContinuousClock.Instant, cpu: Double)>

    init(_ figures: HubFigures) {
        self.figures = figures
        last = Mutex((.now, Self.processorSeconds))
    }

    func read() -> Heartbeat.Load {
        let (now, cpu) = (ContinuousClock.now, Self.processorSeconds)
        let (seconds, spent) = last.withLock { last in
            defer { last = (now, cpu) }
            return (max(0.001, (now - last.at) / .seconds(1)), cpu - last.cpu)
        }
        return Heartbeat.Load(
            connections: figures.connections.load(ordering: .relaxed), cpu: spent / seconds,
            outboundBytes: Double(figures.takeBytes()) / seconds)
    }

    private static var processorSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
