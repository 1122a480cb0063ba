import Foundation

/// The bodies of the probes, as JSON.
struct ManagementAnswers: Sendable {
    struct Answer: Sendable {
        let isGood: Bool
        let body: [UInt8]
    }

    let service: String
    let instance: String
    let health: Health
    let liveness: Liveness
    let started: ContinuousClock.Instant

    /// The process works.
    func live() async -> Answer {
        let time = await liveness.turnTime()
        let reasons = time == nil ? ["the I/O thread does not turn"] : []
        return answer(Body(status: reasons.isEmpty ? "live" : "stuck", reasons: reasons))
    }

    /// The process has migrated its database and takes work.
    func startup() -> Answer {
        let missing = health.missing
        return answer(
            Body(status: missing.isEmpty ? "started" : "starting", reasons: missing, components: health.reports([.startup])))
    }

    /// The process should be given work.
    func ready() -> Answer {
        let reasons = health.unready
        return answer(
            Body(
                status: reasons.isEmpty ? "ready" : "notReady", reasons: reasons, components: health.reports([.own, .startup]),
                dependencies: health.reports([.dependency])))
    }

    /// Everything, for people; always a success.
    func detail() async -> Answer {
        let time = await liveness.turnTime()
        var body = Body(
            status: health.unready.isEmpty ? "ready" : "notReady", reasons: health.unready,
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
        return Answer(isGood: true, body: Self.encode(body))
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

    private func answer(_ body: Body) -> Answer { Answer(isGood: body.reasons.isEmpty, body: Self.encode(body)) }

    private static func encode(_ body: Body) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings, whole numbers and dictionaries of them always encode.
        return (try? encoder.encode(body)).map(Array.init) ?? Array("{}".utf8)
    }
}
