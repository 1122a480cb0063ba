/// What a live connection is held to: for `messaging`.
package struct MessagingThresholds: DynamicSection, Hashable {
    package static let framesPerSecond = Setting<Int>.whole(
        "messaging.framesPerSecond", in: 1...10_000, default: 100,
        "frames a second from one connection, on average; twice as many at once")
    package static let outboundBufferBytes = Setting<Int>.whole(
        "messaging.outboundBufferBytes", in: 16_384...8_388_608, default: 262_144,
        "bytes that wait for a slow client; what is beyond is left out, and the client is told of a gap")
    package static let resumeSeconds = Setting<Int>.whole(
        "messaging.resumeSeconds", in: 0...60, default: 60, "seconds within which a lost connection can be resumed")
    package static let resumeBufferBytes = Setting<Int>.whole(
        "messaging.resumeBufferBytes", in: 0...1_048_576, default: 65_536, "bytes of frames kept for that, for each connection")
    package static let devices = Setting<Int>.whole(
        "messaging.devices", in: 1...1_000, default: 32, "connections of one user; a further one takes the place of the oldest")
    package static let typingSeconds = Setting<Int>.whole(
        "messaging.typingSeconds", in: 1...60, default: 3, "seconds in which others are told once that somebody writes")

    package static let schema = SectionSchema(
        "messaging",
        [
            SectionField(framesPerSecond), SectionField(outboundBufferBytes), SectionField(resumeSeconds),
            SectionField(resumeBufferBytes), SectionField(devices), SectionField(typingSeconds),
        ],
        // What a client missed leaves at once when it comes back.
        orders: [SectionOrder("resumeBufferBytes", times: 1, atMost: "outboundBufferBytes")])

    package let framesPerSecond: Int
    package let outboundBufferBytes: Int
    package let resumeTime: Duration
    /// At most ``outboundBufferBytes``.
    package let resumeBufferBytes: Int
    package let devices: Int
    package let typingTime: Duration

    package init(_ settings: Settings) throws(ConfigurationError) {
        framesPerSecond = try settings.value(Self.framesPerSecond)
        outboundBufferBytes = try settings.value(Self.outboundBufferBytes)
        resumeTime = .seconds(try settings.value(Self.resumeSeconds))
        resumeBufferBytes = min(outboundBufferBytes, try settings.value(Self.resumeBufferBytes))
        devices = try settings.value(Self.devices)
        typingTime = .seconds(try settings.value(Self.typingSeconds))
    }
}
