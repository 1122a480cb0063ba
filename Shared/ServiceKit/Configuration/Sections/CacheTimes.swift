/// How long Redis keeps what `users` and `chats` have read.
///
/// Never longer than by default: a writer who cannot tell Redis keeps readers from its values for as long as the longest lives.
package struct CacheTimes: DynamicSection, Hashable {
    package static let seconds = Setting<Duration>.seconds(
        "cache.seconds", in: 1...300, default: 300, "seconds that a value is kept, each a fifth shorter or longer")
    package static let absentSeconds = Setting<Duration>.seconds(
        "cache.absentSeconds", in: 1...10, default: 10, "seconds that it is kept that there is none, likewise")

    package static let schema = SectionSchema(
        "cache", [SectionField(seconds), SectionField(absentSeconds)])

    package let value: Duration
    package let absent: Duration

    package var timesToLive: (timeToLive: Duration, absentTimeToLive: Duration) { (value, absent) }

    package init(_ settings: Settings) throws(ConfigurationError) {
        value = try settings.value(Self.seconds)
        absent = try settings.value(Self.absentSeconds)
    }
}
