import Foundation
import ServiceKit

/// What can be set of scaling.
struct ScalingSettings: Sendable {
    enum Mode: String, CaseIterable, Sendable {
        case off, on
        case dryRun = "dry-run"
    }

    enum Driver: String, CaseIterable, Sendable { case kubernetes, command }

    private static let mode = Setting<Mode>.choice(
        "config.scaling.mode", default: .off,
        "whether instances of messaging are added and removed by their load; dry-run only logs what would be done")
    private static let driver = Setting<Driver>.choice("config.scaling.driver", default: .kubernetes, "who adds and removes them")
    private static let workload = Setting<String>(
        "config.scaling.workload", default: "statefulsets/messaging",
        mustBe: "statefulsets/<name> or deployments/<name>", "what is scaled in Kubernetes, in this pod's namespace"
    ) { $0.wholeMatch(of: /(?:statefulsets|deployments)\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/) == nil ? nil : $0 }
    private static let apiHost = Setting<String>.text(
        "config.scaling.api.host", default: "kubernetes.default.svc", limit: 253, "host of the API of Kubernetes")
    private static let apiPort = Setting<Int>.port("config.scaling.api.port", default: 443, "its port")
    private static let command = Setting<String>.text(
        "config.scaling.command",
        "program and arguments, separated by spaces, that run so many instances as its last argument says")
    private static let usual = ScalingPolicy.Terms()
    private static let least = Setting<Int>.whole(
        "config.scaling.least", in: 1...10_000, default: usual.instances.lowerBound, "never fewer instances")
    private static let most = Setting<Int>.whole(
        "config.scaling.most", in: 1...10_000, default: usual.instances.upperBound, "never more instances")
    private static let connections = Setting<Double>.number(
        "config.scaling.connections", in: 1...10_000_000, default: usual.capacity.connections, "connections one instance can bear"
    )
    private static let cpu = Setting<Double>.number(
        "config.scaling.cpu", in: 0.01...1_000, default: usual.capacity.cpu, "cores one instance may use")
    private static let outboundBytes = Setting<Double>.number(
        "config.scaling.outboundBytes", in: 1...1e12, default: usual.capacity.outboundBytes,
        "bytes to clients a second one instance can bear")
    private static let upper = Setting<Double>.number(
        "config.scaling.upper", in: 0.01...1, default: usual.upper,
        "share of the capacity above which there are too few instances")
    private static let aim = Setting<Double>.number(
        "config.scaling.aim", in: 0.01...1, default: usual.target, "share of the capacity to aim at")
    private static let lower = Setting<Double>.number(
        "config.scaling.lower", in: 0...1, default: usual.lower, "share of the capacity below which there are too many instances")
    private static let coolDownOut = Setting<Duration>.seconds(
        "config.scaling.coolDownOut", in: 0...86_400, default: 60, "seconds after a change before instances are added")
    private static let coolDownIn = Setting<Duration>.seconds(
        "config.scaling.coolDownIn", in: 0...86_400, default: 600, "seconds after a change before instances are taken away")

    static let all = [
        mode.description, driver.description, workload.description, apiHost.description, apiPort.description, command.description,
        least.description, most.description, connections.description, cpu.description, outboundBytes.description,
        upper.description, aim.description, lower.description, coolDownOut.description, coolDownIn.description,
    ]

    let mode: Mode
    let terms: ScalingPolicy.Terms
    let scaler: any Scaler

    init(_ settings: Settings) throws {
        mode = try settings.value(Self.mode)
        terms = try Self.terms(settings)
        switch try settings.value(Self.driver) {
        case .kubernetes:
            scaler = KubernetesScaler(
                workload: try settings.value(Self.workload), host: try settings.value(Self.apiHost),
                port: try settings.value(Self.apiPort))
        case .command:
            scaler = CommandScaler(command: try settings.value(Self.command).split(separator: " ").map(String.init))
        }
    }

    private static func terms(_ settings: Settings) throws -> ScalingPolicy.Terms {
        var terms = ScalingPolicy.Terms()
        let (least, most) = (try settings.value(least), try settings.value(most))
        guard least <= most else {
            throw ConfigurationError("\(Self.least.variable) is \(least); it must be at most \(Self.most.variable), \(most)")
        }
        terms.instances = least...most
        terms.capacity = Load(
            connections: try settings.value(connections), cpu: try settings.value(cpu),
            outboundBytes: try settings.value(outboundBytes))
        (terms.upper, terms.target, terms.lower) = (
            try settings.value(upper), try settings.value(aim), try settings.value(lower)
        )
        guard terms.lower < terms.target, terms.target < terms.upper else {
            throw ConfigurationError(
                "\(lower.variable), \(aim.variable) and \(upper.variable) are \(terms.lower), \(terms.target) and \(terms.upper); "
                    + "each must be less than the next")
        }
        (terms.coolDownOut, terms.coolDownIn) = (try settings.value(coolDownOut), try settings.value(coolDownIn))
        return terms
    }
}
