import Contracts
import ServiceKit

/// What is set from outside for live connections, once; what changes while they live is ``MessagingThresholds``.
struct MessagingSettings {
    private static let url = Setting<String>.text(
        "messaging.url", limit: 1_024,
        "where clients reach this instance, ws://… or wss://…; ws://<host>:<port>/rt/<instance> of its own port unless set")
    private static let connections = Setting<Int>.whole(
        "messaging.connections", in: 1...1_000_000, default: 100_000, "connections at once; further ones are refused")
    private static let heartbeat = Setting<Int>.whole(
        "messaging.heartbeat", in: 5...300, default: 25, "seconds between two pings; a client silent for two of them is let go")

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

    /// Where this instance is reached without anything in front of it.
    ///
    /// - Throws: when that cannot be told from where it listens.
    static func address(of http: HTTPSettings, instance: String) throws(ConfigurationError) -> String {
        guard http.port != 0, !everyAddress.contains(http.host) else {
            let listening = "\(http.host), port \(http.port), is no address that clients can be told"
            throw ConfigurationError(
                "\(listening): set \(Self.url.variable), or \(HTTPSettings.host.variable) and \(HTTPSettings.port.variable)")
        }
        // RFC 3986, 3.2.2
        let host = http.host.contains(":") ? "[\(http.host)]" : http.host
        return "ws://\(host):\(http.port)/rt/\(instance)"
    }

    private static let everyAddress: Set = ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"]
}

extension GatewayLimits {
    mutating func take(_ thresholds: MessagingThresholds) {
        outbound = thresholds.outboundBufferBytes
        replay = thresholds.resumeBufferBytes
        resume = thresholds.resumeTime
        devices = thresholds.devices
        typing = thresholds.typingTime
    }
}
