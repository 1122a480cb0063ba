import Foundation

/// Evaluates the probes of the management port. The results are JSON.
struct HealthProbes: Sendable {
    struct Result: Sendable {
        let isHealthy: Bool
        let body: [UInt8]
    }

    let service: String
    let instance: String
    let health: Health
    let liveness: Liveness
    let started: ContinuousClock.Instant

    /// Whether the process works.
    func live() async -> Result {
        let time = await liveness.turnTime()
        let reasons = time == nil ? ["the I/O thread does not respond"] : []
        return result(Body(status: reasons.isEmpty ? "live" : "stuck", reasons: reasons))
    }

    /// Whether the process has migrated its database and consumes its queues.
    func startup() -> Result {
        let reasons = health.notStartedReasons
        return result(
            Body(status: reasons.isEmpty ? "started" : "starting", reasons: reasons, components: health.reports([.startup])))
    }

    /// Whether the process should receive work.
    func ready() -> Result {
        let reasons = health.notReadyReasons
        return result(
            Body(
                status: reasons.isEmpty ? "ready" : "notReady", reasons: reasons, components: health.reports([.own, .startup]),
                dependencies: health.reports([.dependency])))
    }

    /// The details of all components, for operators. Always healthy.
    func detail() async -> Result {
        let time = await liveness.turnTime()
        let reasons = health.notReadyReasons
        var body = Body(
            status: reasons.isEmpty ? "ready" : "notReady", reasons: reasons,
            components: health.reports([.own, .startup]),
            dependencies: health.reports([.dependency]))
        body.details = health.reports([.detail])
        body.service = service
        body.instance = instance
        body.version = MartletVersion.current
        body.uptimeSeconds = Int(started.duration(to: .now).components.seconds)
        body.turnMicroseconds = time.map {
            Int($0.components.seconds * 1_000_000 + $0.components.attoseconds / 1_000_000_000_000)
        }
        return Result(isHealthy: true, body: Self.encode(body))
    }

    private struct Body: Encodable {
        let status: String
        let reasons: [String]
        var components: [String: ComponentReport]?
        var dependencies: [String: ComponentReport]?
        var details: [String: ComponentReport]?
        var service: String?
        var instance: String?
        var version: String?
        var uptimeSeconds: Int?
        var turnMicroseconds: Int?
    }

    private func result(_ body: Body) -> Result { Result(isHealthy: body.reasons.isEmpty, body: Self.encode(body)) }

    private static func encode(_ body: Body) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Encoding cannot fail: the body contains strings, integers and dictionaries of them.
        return (try? encoder.encode(body)).map(Array.init) ?? Array("{}".utf8)
    }
}
