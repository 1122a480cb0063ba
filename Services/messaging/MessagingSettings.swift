import Contracts
import ServiceKit

/// What is set from outside for live connections.
struct MessagingSettings {
    private static let url = Setting<String>.text(
        "messaging.url", limit: 1_024,
        "where clients reach this instance, ws://… or wss://…; ws://<host>:<port>/rt/<instance> of its own port unless set")
    private static let partitions = Setting<Int>.whole(
        "messaging.partitions", in: Partitioning.counts, default: Partitioning.usualCount,
        "number of partitions of all users; the same for every instance and for config, for ever")
    private static let connections = Setting<Int>.whole(
        "messaging.connections", in: 1...1_000_000, default: 100_000, "connections at once; further ones are refused")
    private static let framesPerSecond = Setting<Double>.number(
        "messaging.framesPerSecond", in: 1...10_000, default: 100,
        "frames that one connection may send a second, twice as many at once")
    private static let heartbeat = Setting<Int>.whole(
        "messaging.heartbeat", in: 5...300, default: 25, "seconds between two pings; a client silent for two of them is let go")
    private static let outbound = Setting<Int>.whole(
        "messaging.outbound", in: 16_384...16_777_216, default: 262_144,
        "bytes that may wait to leave for one connection; further frames are left out, and the client told")
    private static let devices = Setting<Int>.whole(
        "messaging.devices", in: 1...1_000, default: 32, "connections of one user")

    static let all: [SettingDescription] =
        HTTPSettings.all + [
            url.description, partitions.description, connections.description, framesPerSecond.description, heartbeat.description,
            outbound.description, devices.description,
        ]

    let url: String?
    let partitions: Int
    let connections: Int
    let framesPerSecond: Double
    let limits: HubLimits

    init(_ settings: Settings) throws(ConfigurationError) {
        url = try settings.optional(Self.url)
        if let url, !url.hasPrefix("ws://"), !url.hasPrefix("wss://") {
            throw ConfigurationError("\(Self.url.variable) is \"\(url.prefix(100))\"; it must begin with ws:// or wss://")
        }
        partitions = try settings.value(Self.partitions)
        connections = try settings.value(Self.connections)
        framesPerSecond = try settings.value(Self.framesPerSecond)
        var limits = HubLimits()
        limits.heartbeatSeconds = try settings.value(Self.heartbeat)
        limits.outbound = try settings.value(Self.outbound)
        limits.devices = try settings.value(Self.devices)
        self.limits = limits
    }
}
