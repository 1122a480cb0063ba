import Foundation
import ServiceKit

/// The settings of scaling.
struct ScalingSettings: Sendable {
    enum Mode: String, CaseIterable, Sendable {
        case off, on
        case dryRun = "dry-run"
    }

    enum Driver: String, CaseIterable, Sendable { case kubernetes, command }

    private static let mode = Setting<Mode>.choice(
        "config.scaling.mode", default: .off,
        "whether instances of messaging are added and removed by load; dry-run logs decisions without applying them")
    private static let driver = Setting<Driver>.choice(
        "config.scaling.driver", default: .kubernetes, "what adds and removes them")
    private static let workload = Setting<String>(
        "config.scaling.workload", default: "statefulsets/messaging",
        mustBe: "statefulsets/<name> or deployments/<name>", "the Kubernetes workload to scale, in this pod's namespace"
    ) { $0.wholeMatch(of: /(?:statefulsets|deployments)\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/) == nil ? nil : $0 }
    private static let apiHost = Setting<String>.text(
        "config.scaling.api.host", default: "kubernetes.default.svc", limit: 253, "host of the Kubernetes API")
    private static let apiPort = Setting<Int>.port("config.scaling.api.port", default: 443, "port of the Kubernetes API")
    private static let command = Setting<String>.text(
        "config.scaling.command",
        "program and arguments, separated by spaces; the desired number of instances follows as the last argument")
    private static let defaults = ScalingPolicy.Parameters()
    private static let least = Setting<Int>.whole(
        "config.scaling.least", in: 1...10_000, default: defaults.instances.lowerBound, "the lowest number of instances")
    private static let most = Setting<Int>.whole(
        "config.scaling.most", in: 1...10_000, default: defaults.instances.upperBound, "the highest number of instances")
    private static let connections = Setting<Double>.number(
        "config.scaling.connections", in: 1...10_000_000, default: defaults.capacity.connections,
        "connections that one instance can hold"
    )
    private static let cpu = Setting<Double>.number(
        "config.scaling.cpu", in: 0.01...1_000, default: defaults.capacity.cpu, "processor cores that one instance may use")
    private static let outboundBytes = Setting<Double>.number(
        "config.scaling.outboundBytes", in: 1...1e12, default: defaults.capacity.outboundBytes,
        "bytes per second that one instance can send to clients")
    private static let upper = Setting<Double>.number(
        "config.scaling.upper", in: 0.01...1, default: defaults.upper,
        "share of the capacity above which there are too few instances")
    private static let aim = Setting<Double>.number(
        "config.scaling.aim", in: 0.01...1, default: defaults.target, "share of the capacity to aim at")
    private static let lower = Setting<Double>.number(
        "config.scaling.lower", in: 0...1, default: defaults.lower,
        "share of the capacity below which there are too many instances")
    private static let coolDownOut = Setting<Duration>.seconds(
        "config.scaling.coolDownOut", in: 0...86_400, default: 60, "seconds from a change until instances may be added")
    private static let coolDownIn = Setting<Duration>.seconds(
        "config.scaling.coolDownIn", in: 0...86_400, default: 600, "seconds from a change until instances may be removed")

    static let all = [
        mode.description, driver.description, workload.description, apiHost.description, apiPort.description, command.description,
        least.description, most.description, connections.description, cpu.description, outboundBytes.description,
        upper.description, aim.description, lower.description, coolDownOut.description, coolDownIn.description,
    ]

    let mode: Mode
    let parameters: ScalingPolicy.Parameters
    let scaler: any Scaler

    init(_ settings: Settings) throws {
        mode = try settings.value(Self.mode)
        parameters = try Self.parameters(settings)
        switch try settings.value(Self.driver) {
        case .kubernetes:
            scaler = KubernetesScaler(
                workload: try settings.value(Self.workload), host: try settings.value(Self.apiHost),
                port: try settings.value(Self.apiPort))
        case .command:
            scaler = CommandScaler(command: try settings.value(Self.command).split(separator: " ").map(String.init))
        }
    }

    private static func parameters(_ settings: Settings) throws -> ScalingPolicy.Parameters {
        var parameters = ScalingPolicy.Parameters()
        let (least, most) = (try settings.value(least), try settings.value(most))
        guard least <= most else {
            throw ConfigurationError("\(Self.least.variable) is \(least); it must be at most \(Self.most.variable), \(most)")
        }
        parameters.instances = least...most
        parameters.capacity = FleetLoad(
            connections: try settings.value(connections), cpu: try settings.value(cpu),
            outboundBytes: try settings.value(outboundBytes))
        parameters.upper = try settings.value(upper)
        parameters.target = try settings.value(aim)
        parameters.lower = try settings.value(lower)
        guard parameters.lower < parameters.target, parameters.target < parameters.upper else {
            let values = "\(parameters.lower), \(parameters.target) and \(parameters.upper)"
            throw ConfigurationError(
                "\(lower.variable), \(aim.variable) and \(upper.variable) are \(values); each must be less than the next")
        }
        parameters.coolDownOut = try settings.value(coolDownOut)
        parameters.coolDownIn = try settings.value(coolDownIn)
        return parameters
    }
}
