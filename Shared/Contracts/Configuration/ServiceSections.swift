/// The sizes of list pages, for `bff`.
package struct PageSizes: DynamicSection, Hashable {
    package static let usual = SectionField.whole(
        "pageSizes.usual", in: 1...100, default: 50, "items of a page when no limit is given")
    package static let most = SectionField.whole(
        "pageSizes.most", in: 1...100, default: 100, "most items of a page; a larger limit gets as many, and a cursor")

    package static let schema = SectionSchema(
        "pageSizes", [usual, most], orders: [SectionOrder("usual", atMost: "most")])

    /// At most ``most``.
    package let usual: Int
    package let most: Int

    package init(usual: Int = 50, most: Int = 100) {
        self.usual = min(usual, most)
        self.most = most
    }

    package init(_ values: SectionValues) {
        self.init(usual: values.whole(Self.usual), most: values.whole(Self.most))
    }
}

/// The limits of a user search, for `users`.
package struct SearchBounds: DynamicSection, Hashable {
    package static let most = SectionField.whole(
        "search.most", in: 1...100, default: 100, "most users on a page; a larger limit gets as many, and a cursor")
    package static let shortest = SectionField.whole(
        "search.shortest", in: 3...16, default: 3, "fewest characters of a search")
    package static let seconds = SectionField.seconds(
        "search.seconds", in: 0.1...5, default: 1, "longest time that the database works on one search, seconds")

    package static let schema = SectionSchema("search", [most, shortest, seconds])

    package var most = 100
    package var shortest = 3
    package var time = Duration.seconds(1)

    package init() {}

    package init(_ values: SectionValues) {
        most = values.whole(Self.most)
        shortest = values.whole(Self.shortest)
        time = values.duration(Self.seconds)
    }
}

/// How long Redis keeps what `users` and `chats` have read.
///
/// The defaults are the maxima: after a write that Redis missed, readers avoid its value for as long as the
/// longest time to live.
package struct CacheTimes: DynamicSection, Hashable {
    package static let seconds = SectionField.seconds(
        "cache.seconds", in: 1...300, default: 300, "time to live of a value, seconds, each a fifth shorter or longer")
    package static let absentSeconds = SectionField.seconds(
        "cache.absentSeconds", in: 1...10, default: 10, "time to live of an absent value, seconds, each a fifth shorter or longer"
    )

    package static let schema = SectionSchema("cache", [seconds, absentSeconds])

    package let value: Duration
    package let absent: Duration

    package var timesToLive: (timeToLive: Duration, absentTimeToLive: Duration) { (value, absent) }

    package init(_ values: SectionValues) {
        value = values.duration(Self.seconds)
        absent = values.duration(Self.absentSeconds)
    }
}

/// The lifetimes of tokens that `users` issues from now on.
package struct TokenTimes: DynamicSection, Hashable {
    /// At most ``AccessToken/lifetime``: edges remember revoked sessions for that long.
    package static let accessSeconds = SectionField.whole(
        "tokens.accessSeconds", in: 60...longestAccess, default: longestAccess, "lifetime of an access token, seconds")
    package static let refreshSeconds = SectionField.whole(
        "tokens.refreshSeconds", in: 3_600...7_776_000, default: 2_592_000,
        "lifetime of a session that is not refreshed, seconds")

    package static let schema = SectionSchema(
        "tokens", [accessSeconds, refreshSeconds], orders: [SectionOrder("accessSeconds", atMost: "refreshSeconds")])

    private static let longestAccess = Int(AccessToken.lifetime.components.seconds)

    package let access: Duration
    package let refresh: Duration

    package init(_ values: SectionValues) {
        access = .seconds(values.whole(Self.accessSeconds))
        refresh = .seconds(values.whole(Self.refreshSeconds))
    }
}
