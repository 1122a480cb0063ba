/// The limits of one live connection, for `messaging`.
package struct MessagingThresholds: DynamicSection, Hashable {
    package static let framesPerSecond = SectionField.whole(
        "messaging.framesPerSecond", in: 1...10_000, default: 100,
        "average frames a second from one connection; a burst may have twice as many")
    package static let outboundBufferBytes = SectionField.whole(
        "messaging.outboundBufferBytes", in: 16_384...8_388_608, default: 262_144,
        "bytes that wait for a slow client; further frames are dropped, and the client gets a gap")
    package static let resumeSeconds = SectionField.whole(
        "messaging.resumeSeconds", in: 0...60, default: 60, "time to resume a lost connection, seconds")
    package static let resumeBufferBytes = SectionField.whole(
        "messaging.resumeBufferBytes", in: 0...1_048_576, default: 65_536, "bytes of frames kept for a resume, per connection")
    package static let devices = SectionField.whole(
        "messaging.devices", in: 1...1_000, default: 32, "connections of one user; a further one replaces the oldest")
    package static let typingSeconds = SectionField.whole(
        "messaging.typingSeconds", in: 1...60, default: 3, "seconds between two typing notices of one user in one chat")

    package static let schema = SectionSchema(
        "messaging",
        [framesPerSecond, outboundBufferBytes, resumeSeconds, resumeBufferBytes, devices, typingSeconds],
        // A resume sends the whole resume buffer at once.
        orders: [SectionOrder("resumeBufferBytes", times: 1, atMost: "outboundBufferBytes")])

    package let framesPerSecond: Int
    package let outboundBufferBytes: Int
    package let resumeTime: Duration
    /// At most ``outboundBufferBytes``.
    package let resumeBufferBytes: Int
    package let devices: Int
    package let typingTime: Duration

    package init(_ values: SectionValues) {
        framesPerSecond = values.whole(Self.framesPerSecond)
        outboundBufferBytes = values.whole(Self.outboundBufferBytes)
        resumeTime = .seconds(values.whole(Self.resumeSeconds))
        resumeBufferBytes = min(outboundBufferBytes, values.whole(Self.resumeBufferBytes))
        devices = values.whole(Self.devices)
        typingTime = .seconds(values.whole(Self.typingSeconds))
    }
}
