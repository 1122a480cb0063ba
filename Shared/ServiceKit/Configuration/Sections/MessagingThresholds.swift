/// What a live connection is held to: for `messaging`.
package struct MessagingThresholds: DynamicSection, Hashable {
    package static let heartbeatSeconds = Setting<Int>.whole(
        "messaging.heartbeatSeconds", in: 5...120, default: 30, "seconds between two pings to a client")
    package static let idleTimeoutSeconds = Setting<Int>.whole(
        "messaging.idleTimeoutSeconds", in: 10...600, default: 75, "seconds after which a client that says nothing is cut")
    package static let outboundBufferBytes = Setting<Int>.whole(
        "messaging.outboundBufferBytes", in: 16_384...8_388_608, default: 262_144,
        "bytes that wait for a slow client; what is beyond is dropped, and the client is told of a gap")
    package static let resumeSeconds = Setting<Int>.whole(
        "messaging.resumeSeconds", in: 0...60, default: 60, "seconds within which a lost connection can be resumed")
    package static let resumeBufferBytes = Setting<Int>.whole(
        "messaging.resumeBufferBytes", in: 0...1_048_576, default: 65_536, "bytes of frames kept for that, for each connection")
    package static let messageBytes = Setting<Int>.whole(
        "messaging.messageBytes", in: 1_024...1_048_576, default: 65_536, "bytes of one message from a client at most")
    package static let sendsPerSecond = Setting<Int>.whole(
        "messaging.sendsPerSecond", in: 1...10_000, default: 100, "frames a second from one connection, on average")
    package static let typingSeconds = Setting<Int>.whole(
        "messaging.typingSeconds", in: 1...60, default: 6, "seconds after which typing is over unless it is told again")

    package static let schema = SectionSchema(
        "messaging",
        [
            SectionField(heartbeatSeconds), SectionField(idleTimeoutSeconds), SectionField(outboundBufferBytes),
            SectionField(resumeSeconds), SectionField(resumeBufferBytes), SectionField(messageBytes),
            SectionField(sendsPerSecond), SectionField(typingSeconds),
        ], orders: [SectionOrder("heartbeatSeconds", times: 2, atMost: "idleTimeoutSeconds")])

    package let heartbeat: Duration
    /// At least twice ``heartbeat``.
    package let idleTimeout: Duration
    package let outboundBufferBytes: Int
    package let resumeTime: Duration
    package let resumeBufferBytes: Int
    package let messageBytes: Int
    package let sendsPerSecond: Int
    package let typingTime: Duration

    package init(_ settings: Settings) throws(ConfigurationError) {
        heartbeat = .seconds(try settings.value(Self.heartbeatSeconds))
        idleTimeout = max(heartbeat * 2, .seconds(try settings.value(Self.idleTimeoutSeconds)))
        outboundBufferBytes = try settings.value(Self.outboundBufferBytes)
        resumeTime = .seconds(try settings.value(Self.resumeSeconds))
        resumeBufferBytes = try settings.value(Self.resumeBufferBytes)
        messageBytes = try settings.value(Self.messageBytes)
        sendsPerSecond = try settings.value(Self.sendsPerSecond)
        typingTime = .seconds(try settings.value(Self.typingSeconds))
    }
}
