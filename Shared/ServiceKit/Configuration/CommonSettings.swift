import Contracts
import Foundation
import Logging

/// The settings that every service has.
package enum CommonSettings {
    package static let instance = Setting<String>.name(
        "instance", "name of this process, unique within the service; <host>-<process id> unless set")
    package static let logLevel = Setting<LogLevel>.choice("log.level", default: .info, "lowest level that is logged")
    package static let managementHost = Setting<String>.text(
        "management.host", default: "127.0.0.1", limit: 255, "address of the management port, which serves probes and metrics")
    package static let managementPort = Setting<Int>.whole(
        "management.port", in: 0...65_535, default: 0, "management port; 0 selects a free port and logs it")
    package static let sampleRatio = Setting<Double>.number(
        "tracing.sampleRatio", in: 0...1, default: 0,
        "share of traces started here that are sampled; other traces keep their sampling decision")
    package static let stopDelay = Setting<Duration>.seconds(
        "stop.delay", in: 0...20, default: 0,
        "seconds between the loss of readiness and the end of new work, for load balancers to react")
    package static let stopLimit = Setting<Duration>.seconds(
        "stop.limit", in: 1...25, default: 25, "seconds for work in flight to finish before it is abandoned")

    /// Only for `config` and `messaging`. Other services learn the number from the routes.
    package static let partitionCount = Setting<Int>.whole(
        "partitionCount", in: Partitioning.counts, default: Partitioning.usualCount,
        "number of partitions of live connections; equal in config and messaging, and fixed at the first start")

    package static let all: [SettingDescription] = [
        instance.description, logLevel.description, managementHost.description, managementPort.description,
        sampleRatio.description, stopDelay.description, stopLimit.description,
    ]

    static func defaultInstance() -> String {
        let host = ProcessInfo.processInfo.hostName.unicodeScalars.map { Setting<String>.isName(String($0)) ? String($0) : "-" }
        return host.joined().prefix(80) + "-\(ProcessInfo.processInfo.processIdentifier)"
    }
}

/// The levels of swift-log, by the names used in settings.
package enum LogLevel: String, CaseIterable, Sendable {
    case trace, debug, info, notice, warning, error, critical

    package var level: Logger.Level {
        switch self {
        case .trace: .trace
        case .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error: .error
        case .critical: .critical
        }
    }
}
