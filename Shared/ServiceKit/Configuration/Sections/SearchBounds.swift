/// What a search for people may cost: for `users`.
package struct SearchBounds: DynamicSection, Hashable {
    package static let most = Setting<Int>.whole(
        "search.most", in: 1...100, default: 100, "people found on a page at most; who asks for more gets as many, and the cursor"
    )
    package static let shortest = Setting<Int>.whole(
        "search.shortest", in: 3...16, default: 3, "characters that a search must have")
    package static let seconds = Setting<Duration>.seconds(
        "search.seconds", in: 0.1...5, default: 1, "seconds that the database works on one search")

    package static let schema = SectionSchema(
        "search", [SectionField(most), SectionField(shortest), SectionField(seconds)])

    package var most = 100
    package var shortest = 3
    package var time = Duration.seconds(1)

    package init() {}

    package init(_ settings: Settings) throws(ConfigurationError) {
        most = try settings.value(Self.most)
        shortest = try settings.value(Self.shortest)
        time = try settings.value(Self.seconds)
    }
}
