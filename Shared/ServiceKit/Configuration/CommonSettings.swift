import Contracts
import Foundation
import Logging

/// The settings that every service has.
package enum CommonSettings {
    package static let instance = Setting<String>.name(
        "instance", "this process's name among those of its service, unique at any time; <host>-<process id> unless set")
    package static let logLevel = Setting<LogLevel>.choice("log.level", default: .info, "the least level that is logged")
    package static let managementHost = Setting<String>.text(
        "management.host", default: "127.0.0.1", limit: 255, "address of the management port: probes and metrics")
    package static let managementPort = Setting<Int>.whole(
        "management.port", in: 0...65_535, default: 0, "management port; 0 takes a free one and logs it")
    package static let sampleRatio = Setting<Double>.number(
        "tracing.sampleRatio", in: 0...1, default: 0,
        "share of traces begun here that are recorded; traces begun elsewhere keep their sampling")
    package static let stopDelay = Setting<Duration>.seconds(
        "stop.delay", in: 0...20, default: 0, "seconds between not being ready and taking no more work, for balancers to notice")
    package static let stopLimit = Setting<Duration>.seconds(
        "stop.limit", in: 1...25, default: 25, "seconds for finishing what is in flight before it is abandoned")

    /// Of those alone who have to do with partitions before there are routes, from which all others learn the number.
    package static let partitionCount = Setting<Int>.whole(
        "partitionCount", in: Partitioning.counts, default: Partitioning.usualCount,
        "partitions of live connections; the same in config and messaging, and fixed at a deployment's first start")

    package static let all: [SettingDescription] = [
        instance.description, logLevel.description, managementHost.description, managementPort.description,
        sampleRatio.description, stopDelay.description, stopLimit.description,
    ]

    static func defaultInstance() -> String {
        let host = ProcessInfo.processInfo.hostName.unicodeScalars.map { Setting<String>.isName(String($0)) ? String($0) : "-" }
        return host.joined().prefix(80) + "-\(ProcessInfo.processInfo.processIdentifier)"
    }
}

/// Levels as they are written in settings: those of swift-log.
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
