import Foundation
import Logging
import Metrics
import ServiceLifecycle

/// Evaluates the load periodically and requests more or fewer instances, while this instance of `config`
/// leads.
actor Autoscaler: Service {
    /// The time between two evaluations.
    static let period = Duration.seconds(15)

    private let store: LoadStore
    private let parameters: ScalingPolicy.Parameters
    private let scaler: any Scaler
    /// Logs decisions without applying them.
    private let isDryRun: Bool
    private let isLeading: @Sendable () async -> Bool
    private let logger: Logger
    private let origin = ContinuousClock.now
    private let desiredGauge = Gauge(label: "martlet_scaling_wanted")
    private let filledGauge = Gauge(label: "martlet_scaling_filled")

    private var policy: ScalingPolicy?
    private var curve: LoadCurve?
    /// The number that was last requested, for scalers that do not store it.
    private var desired: Int?
    private var isFailing = false

    init(
        store: LoadStore, parameters: ScalingPolicy.Parameters, scaler: any Scaler, isDryRun: Bool, logger: Logger,
        isLeading: @escaping @Sendable () async -> Bool
    ) {
        self.store = store
        self.parameters = parameters
        self.scaler = scaler
        self.isDryRun = isDryRun
        self.logger = logger
        self.isLeading = isLeading
    }

    /// Returns the autoscaler of the settings; none when scaling is switched off.
    static func services(
        _ settings: ScalingSettings, store: LoadStore, logger: Logger, isLeading: @escaping @Sendable () async -> Bool
    ) -> [any Service] {
        if settings.mode == .off { return [] }
        return [
            Autoscaler(
                store: store, parameters: settings.parameters, scaler: settings.scaler, isDryRun: settings.mode == .dryRun,
                logger: logger, isLeading: isLeading)
        ]
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.evaluate()
                try? await Task.sleep(for: Self.period)
            }
        }
    }

    /// Evaluates the load once.
    func evaluate() async {
        guard await isLeading() else { return reset() }
        do {
            try await decide(at: origin.duration(to: .now))
            isFailing = false
        } catch {
            curve = nil
            if !isFailing { logger.warning("scaling failed", metadata: ["error": "\(error)"]) }
            isFailing = true
        }
    }

    /// A new term starts without the state of the last one.
    private func reset() {
        policy = nil
        curve = nil
        desired = nil
    }

    private func decide(at now: Duration) async throws {
        let current = try await store.current()
        let slot = LoadCurve.slot(atSecondsSinceEpoch: current.secondsSinceEpoch)
        var curve = if let curve { curve } else { try await store.curve() }
        try await store.record(current.load, in: slot)
        curve.record(current.load, in: slot)
        self.curve = curve
        let requested = try await scaler.desiredCount() ?? desired ?? current.reporting
        let observation = ScalingPolicy.Observation(
            load: current.load, reporting: current.reporting, desired: requested,
            growth: curve.growth(from: slot, of: parameters.capacity))
        desiredGauge.record(requested)
        filledGauge.record(current.load.instances(of: parameters.capacity))
        var policy = policy ?? ScalingPolicy(parameters, at: now)
        let decision = policy.decide(observation, at: now)
        self.policy = policy
        if case .scale(let count, let reason) = decision { try await scale(to: count, reason, observation) }
    }

    private func scale(to count: Int, _ reason: ScalingPolicy.Reason, _ observation: ScalingPolicy.Observation) async throws {
        logger.notice(
            isDryRun ? "scaling decision not applied in dry run" : "scaling decision made",
            metadata: [
                "from": "\(observation.desired)", "to": "\(count)", "reason": "\(reason.rawValue)",
                "connections": "\(Int(observation.load.connections))",
                "filled": "\(String(format: "%.2f", observation.load.instances(of: parameters.capacity)))",
                "growth": "\(String(format: "%.2f", observation.growth))",
            ])
        if isDryRun { return }
        try await scaler.scale(to: count)
        desired = count
        Counter(label: "martlet_scaling_changes", dimensions: [("reason", reason.rawValue)]).increment()
    }
}
