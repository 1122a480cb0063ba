import Foundation
import Logging
import Metrics
import ServiceLifecycle

/// Looks at the load every now and then, and has instances added or removed. Only where this instance leads.
actor Autoscaler: Service {
    /// How often the load is looked at.
    static let period = Duration.seconds(15)

    private let store: LoadStore
    private let terms: ScalingPolicy.Terms
    private let scaler: any Scaler
    /// Only says what it would do.
    private let isDryRun: Bool
    private let isLeading: @Sendable () async -> Bool
    private let logger: Logger
    private let origin = ContinuousClock.now
    private let wantedNow = Gauge(label: "martlet_scaling_wanted")
    private let filled = Gauge(label: "martlet_scaling_filled")

    private var policy: ScalingPolicy?
    private var curve: LoadCurve?
    /// What was asked for last, where the scaler does not know.
    private var wanted: Int?
    private var hasFailed = false

    init(
        store: LoadStore, terms: ScalingPolicy.Terms, scaler: any Scaler, isDryRun: Bool, logger: Logger,
        isLeading: @escaping @Sendable () async -> Bool
    ) {
        (self.store, self.terms, self.scaler, self.isDryRun) = (store, terms, scaler, isDryRun)
        (self.logger, self.isLeading) = (logger, isLeading)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.look()
                try? await Task.sleep(for: Self.period)
            }
        }
    }

    /// Once.
    func look() async {
        guard await isLeading() else { return forget() }
        do {
            try await decide(at: origin.duration(to: .now))
            hasFailed = false
        } catch {
            curve = nil
            if !hasFailed { logger.warning("scaling does not work", metadata: ["error": "\(error)"]) }
            hasFailed = true
        }
    }

    /// Whoever leads next begins anew, and so do we then.
    private func forget() { (policy, curve, wanted) = (nil, nil, nil) }

    private func decide(at now: Duration) async throws {
        let present = try await store.now()
        let slot = LoadCurve.slot(atSecondsSinceEpoch: present.secondsSinceEpoch)
        var curve = if let curve { curve } else { try await store.curve() }
        try await store.note(present.load, in: slot)
        curve.note(present.load, in: slot)
        self.curve = curve
        let asked = try await scaler.wanted() ?? wanted ?? present.reporting
        let figures = ScalingPolicy.Figures(
            load: present.load, reporting: present.reporting, wanted: asked,
            growth: curve.growth(from: slot, of: terms.capacity))
        wantedNow.record(asked)
        filled.record(present.load.instances(of: terms.capacity))
        var policy = policy ?? ScalingPolicy(terms, at: now)
        let decision = policy.decide(figures, at: now)
        self.policy = policy
        if case .scale(let count, let reason) = decision { try await scale(to: count, reason, figures) }
    }

    private func scale(to count: Int, _ reason: ScalingPolicy.Reason, _ figures: ScalingPolicy.Figures) async throws {
        logger.notice(
            isDryRun ? "would scale messaging" : "scaling messaging",
            metadata: [
                "from": "\(figures.wanted)", "to": "\(count)", "reason": "\(reason.rawValue)",
                "connections": "\(Int(figures.load.connections))",
                "filled": "\(String(format: "%.2f", figures.load.instances(of: terms.capacity)))",
                "growth": "\(String(format: "%.2f", figures.growth))",
            ])
        if isDryRun { return }
        try await scaler.scale(to: count)
        wanted = count
        Counter(label: "martlet_scaling_changes", dimensions: [("reason", reason.rawValue)]).increment()
    }
}
