/// How much a page of a list has: for `bff`.
package struct PageSizes: DynamicSection, Hashable {
    package static let usual = Setting<Int>.whole(
        "pageSizes.usual", in: 1...100, default: 50, "items of a page when no limit is given")
    package static let most = Setting<Int>.whole(
        "pageSizes.most", in: 1...100, default: 100, "items of a page at most; who asks for more gets as many, and the cursor")

    package static let schema = SectionSchema(
        "pageSizes", [SectionField(usual), SectionField(most)], orders: [SectionOrder("usual", atMost: "most")])

    package let usual: Int
    package let most: Int

    package init(usual: Int = 50, most: Int = 100) { (self.usual, self.most) = (min(usual, most), most) }

    package init(_ settings: Settings) throws(ConfigurationError) {
        self.init(usual: try settings.value(Self.usual), most: try settings.value(Self.most))
    }
}
