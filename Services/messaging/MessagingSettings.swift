import Contracts
import ServiceKit

/// Settings of `messaging` that are fixed while the process runs. Those that may change are
/// ``MessagingThresholds``.
struct MessagingSettings {
    private static let url = Setting<String>.text(
        "messaging.url", limit: 1_024,
        "the URL at which clients reach this instance, ws://… or wss://…; by default ws://<host>:<port>/rt/<instance>")
    private static let connections = Setting<Int>.whole(
        "messaging.connections", in: 1...1_000_000, default: 100_000,
        "the maximum number of connections; further ones are refused")
    private static let heartbeat = Setting<Int>.whole(
        "messaging.heartbeat", in: 5...300, default: 25,
        "seconds between two pings; a client that answers neither of two is disconnected")

    static let all: [SettingDescription] =
        HTTPSettings.all
        + [url.description, connections.description, heartbeat.description, CommonSettings.partitionCount.description]

    let url: String?
    let connections: Int
    /// Seconds.
    let heartbeat: Int

    init(_ settings: Settings) throws(ConfigurationError) {
        url = try settings.optional(Self.url)
        if let url, !url.hasPrefix("ws://"), !url.hasPrefix("wss://") {
            throw ConfigurationError("\(Self.url.variable) is \"\(url.prefix(100))\"; it must begin with ws:// or wss://")
        }
        connections = try settings.value(Self.connections)
        heartbeat = try settings.value(Self.heartbeat)
    }

    /// Returns the URL of this instance's own port, for a deployment without a proxy.
    ///
    /// - Throws: if the instance listens on every address, or on a port that the system chooses.
    static func address(of http: HTTPSettings, instance: String) throws(ConfigurationError) -> String {
        guard http.port != 0, !wildcardHosts.contains(http.host) else {
            let reason = "clients cannot connect to \(http.host), port \(http.port)"
            throw ConfigurationError(
                "\(reason): set \(Self.url.variable), or \(HTTPSettings.host.variable) and \(HTTPSettings.port.variable)")
        }
        // RFC 3986, 3.2.2
        let host = http.host.contains(":") ? "[\(http.host)]" : http.host
        return "ws://\(host):\(http.port)/rt/\(instance)"
    }

    private static let wildcardHosts: Set = ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"]
}

extension GatewayLimits {
    /// Replaces the limits that an administrator can change.
    mutating func apply(_ thresholds: MessagingThresholds) {
        outbound = thresholds.outboundBufferBytes
        replay = thresholds.resumeBufferBytes
        resume = thresholds.resumeTime
        devices = thresholds.devices
        typing = thresholds.typingTime
    }
}
