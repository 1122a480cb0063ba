import Configuration
import Foundation
import Logging
import Reactor
import ServiceLifecycle

/// The foundation of a service: its identity, settings and I/O thread, and its logs, metrics, traces and
/// health.
package final class ServiceContext: Sendable {
    package let service: String
    /// The name of this process, unique among those of the service: 1 to 100 of A–Z a–z 0–9 . _ -
    package let instance: String
    package let command: ServiceCommand
    /// Contains the settings that admins have changed once ``dynamic(_:clock:)`` was called.
    package let settings: Settings
    package let logger: Logger
    /// The thread of the hot path; it lives as long as the process.
    package let io: IOThread
    package let metrics: PrometheusRegistry
    package let tracer: MartletTracer
    package let health: Health
    /// Prints the result of a command, on standard output unless a test collects it.
    let printResult: @Sendable (String) -> Void
    let shutdownLimits: ShutdownLimits
    let management: ManagementServer
    /// The values that admins have set; the provider of lowest precedence in ``settings``.
    let dynamicValues = MutableInMemoryProvider(initialValues: [:])
    let breakers = CircuitBreakerRegistry()
    private let listening = Promise<Int>()

    init(
        service: String, command: ServiceCommand, settings: Settings, output: any LogOutput,
        printResult: @escaping @Sendable (String) -> Void = { FileHandle.standardOutput.write(Data(($0 + "\n").utf8)) }
    ) throws(ConfigurationError) {
        self.printResult = printResult
        let instance = try settings.optional(CommonSettings.instance) ?? CommonSettings.defaultInstance()
        let level = try settings.value(CommonSettings.logLevel).level
        let identity = JSONLogHandler.Identity(service: service, instance: instance)
        logger = Logger(label: service) { JSONLogHandler(label: $0, level: level, identity: identity, output: output) }
        tracer = MartletTracer(sampleRatio: try settings.value(CommonSettings.sampleRatio))
        shutdownLimits = ShutdownLimits(
            delay: try settings.value(CommonSettings.stopDelay), limit: try settings.value(CommonSettings.stopLimit))
        self.service = service
        self.instance = instance
        self.command = command
        self.settings = settings.adding(dynamicValues)
        io = IOThread(name: "io")
        metrics = PrometheusRegistry()
        health = Health()
        let probes = HealthProbes(
            service: service, instance: instance, health: health, liveness: Liveness(io: io), started: .now)
        management = ManagementServer(
            host: try settings.value(CommonSettings.managementHost), port: try settings.value(CommonSettings.managementPort),
            probes: probes, metrics: metrics, logger: logger,
            onListening: { [listening, logger] port in
                logger.info("management port opened", metadata: ["port": "\(port)"])
                listening.fulfill(port)
            })
        addMetrics(of: (output as? DescriptorOutput))
    }

    /// The management port, as soon as it is open.
    ///
    /// - Throws: `CancellationError`, also when the port cannot be opened, because that ends the process.
    package var managementPort: Int { get async throws { try await listening.value } }

    private func addMetrics(of output: DescriptorOutput?) {
        metrics.onCollect { ProcessMetrics.collect() }
        metrics.onCollect { [service, health] in
            var collected = [
                CollectedMetric(
                    "martlet_build_info", .gauge, help: "The service and version of this build.", value: 1,
                    labels: [("service", service), ("version", MartletVersion.current)]),
                CollectedMetric(
                    "martlet_ready", .gauge, help: "1 when ready, else 0.", value: health.notReadyReasons.isEmpty ? 1 : 0),
                CollectedMetric(
                    "martlet_component_up", .gauge, help: "State of a component: 1 up, 0.5 degraded, 0 down.",
                    samples: health.reports().map { (labels: [("component", $0.key)], value: $0.value.status.number) }.sorted {
                        $0.labels[0].1 < $1.labels[0].1
                    }),
            ]
            if let output {
                collected.append(
                    CollectedMetric(
                        "martlet_log_lines_dropped", .counter, help: "Log lines dropped because the reader was slow.",
                        value: Double(output.dropped)))
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
