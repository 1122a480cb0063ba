import Contracts

/// How long tokens made from now on live: for `users`.
package struct TokenTimes: DynamicSection, Hashable {
    /// No longer than edges remember which sessions have ended.
    package static let accessSeconds = Setting<Int>.whole(
        "tokens.accessSeconds", in: 60...longestAccess, default: longestAccess, "seconds that an access token lives")
    package static let refreshSeconds = Setting<Int>.whole(
        "tokens.refreshSeconds", in: 3_600...7_776_000, default: 2_592_000,
        "seconds that a session lives without being refreshed")

    package static let schema = SectionSchema(
        "tokens", [SectionField(accessSeconds), SectionField(refreshSeconds)],
        orders: [SectionOrder("accessSeconds", atMost: "refreshSeconds")])

    private static let longestAccess = Int(AccessToken.lifetime.components.seconds)

    package let access: Duration
    package let refresh: Duration

    package init(_ settings: Settings) throws(ConfigurationError) {
        access = .seconds(try settings.value(Self.accessSeconds))
        refresh = .seconds(try settings.value(Self.refreshSeconds))
    }
}
