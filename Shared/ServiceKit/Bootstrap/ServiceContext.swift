import Configuration
import Foundation
import Logging
import Reactor
import ServiceLifecycle

/// What a service is built with: who it is, its settings, its I/O thread, and the means to log, count, trace and tell its health.
package final class ServiceContext: Sendable {
    package let service: String
    /// Unique among the processes of this service: 1 to 100 of A–Z a–z 0–9 . _ -
    package let instance: String
    package let command: ServiceCommand
    /// May be asked at any time; what admins have changed is in it once there is a ``dynamic(_:)``.
    package let settings: Settings
    package let logger: Logger
    /// Everything hot runs here; it lives as long as the process.
    package let io: IOThread
    package let metrics: PrometheusRegistry
    package let tracer: MartletTracer
    package let health: Health
    /// Prints the result of a command, on standard output unless a test collects it.
    let say: @Sendable (String) -> Void
    let stop: StopBounds
    let management: ManagementServer
    /// What admins have set: behind everything else in ``settings``.
    let dynamicValues = MutableInMemoryProvider(initialValues: [:])
    let breakers = Breakers()
    private let listening = Promise<Int>()

    init(
        service: String, command: ServiceCommand, settings: Settings, output: any LogOutput,
        say: @escaping @Sendable (String) -> Void = { FileHandle.standardOutput.write(Data(($0 + "\n").utf8)) }
    ) throws(ConfigurationError) {
        self.say = say
        let instance = try settings.optional(CommonSettings.instance) ?? CommonSettings.defaultInstance()
        let level = try settings.value(CommonSettings.logLevel).level
        let identity = JSONLogHandler.Identity(service: service, instance: instance)
        logger = Logger(label: service) { JSONLogHandler(label: $0, level: level, identity: identity, output: output) }
        tracer = MartletTracer(sampleRatio: try settings.value(CommonSettings.sampleRatio))
        stop = StopBounds(
            delay: try settings.value(CommonSettings.stopDelay), limit: try settings.value(CommonSettings.stopLimit))
        (self.service, self.instance, self.command) = (service, instance, command)
        self.settings = settings.adding(dynamicValues)
        (io, metrics, health) = (IOThread(name: "io"), PrometheusRegistry(), Health())
        let answers = ManagementAnswers(
            service: service, instance: instance, health: health, liveness: Liveness(io: io), started: .now)
        management = ManagementServer(
            host: try settings.value(CommonSettings.managementHost), port: try settings.value(CommonSettings.managementPort),
            answers: answers,
            metrics: metrics, logger: logger,
            onListening: { [listening, logger] port in
                logger.info("the management port is open", metadata: ["port": "\(port)"])
                listening.fulfill(port)
            })
        addMetrics(of: (output as? DescriptorOutput))
    }

    /// The management port, once it is open.
    /// - Throws: `CancellationError`, also when it cannot be opened, as that ends all.
    package var managementPort: Int { get async throws { try await listening.value } }

    private func addMetrics(of output: DescriptorOutput?) {
        metrics.onCollect { ProcessMetrics.collect() }
        metrics.onCollect { [service, health] in
            var collected = [
                CollectedMetric(
                    "martlet_build_info", .gauge, "Which build this is.", 1,
                    labels: [("service", service), ("version", MartletVersion.current)]),
                CollectedMetric("martlet_ready", .gauge, "1 when ready for work.", health.unready.isEmpty ? 1 : 0),
                CollectedMetric(
                    "martlet_component_up", .gauge, "1 up, 0.5 degraded, 0 down.",
                    health.reports().map { (labels: [("component", $0.key)], value: $0.value.status.number) }.sorted {
                        $0.labels[0].1 < $1.labels[0].1
                    }),
            ]
            if let output {
                collected.append(
                    CollectedMetric("martlet_log_lines_dropped", .counter, "Log lines left out.", Double(output.dropped)))
            }
            return collected
        }
    }
}

extension ComponentReport.Status {
    fileprivate var number: Double {
        switch self {
        case .up: 1
        case .degraded: 0.5
        case .down: 0
        }
    }
}
