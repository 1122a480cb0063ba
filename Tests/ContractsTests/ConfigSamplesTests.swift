import Contracts
import Foundation
import Testing

@Suite("Golden samples of config") struct ConfigSamplesTests {
    static let at = "2026-01-31T08:15:30.250Z"
    static let pages = #"{"most":100,"usual":50}"#
    static let fresh = #"{"changedAt":"\#(at)","name":"pageSizes","values":\#(pages),"version":1}"#
    static let changed =
        #"{"changedAt":"\#(at)","changedBy":"5","name":"circuitBreakers","values":{"failureRatio":0.5,"mode":"text","strict":true},"version":3}"#

    @Test("sections and their changes")
    func resources() throws {
        try expectGolden(ConfigSection.self, Self.fresh)
        try expectGolden(ConfigSection.self, Self.changed)
        try expectGolden(
            ConfigChange.self,
            #"{"after":{"most":40,"usual":20},"before":\#(Self.pages),"changedAt":"\#(Self.at)","changedBy":"5","version":2}"#)
        try expectGolden(ConfigChange.self, #"{"after":\#(Self.pages),"before":{},"changedAt":"\#(Self.at)","version":1}"#)
    }

    @Test("procedures")
    func procedures() throws {
        try expectGolden(ListSections.self, "{}")
        try expectGolden(Page<ConfigSection>.self, #"{"items":[\#(Self.fresh)]}"#)
        try expectGolden(GetSection.self, #"{"section":"pageSizes"}"#)
        try expectGolden(
            SetSection.self, #"{"section":"pageSizes","userId":"5","values":{"most":40,"usual":20},"version":1}"#)
        try expectGolden(ListSectionChanges.self, #"{"limit":20,"section":"pageSizes"}"#)
        try expectGolden(ListSectionChanges.self, #"{"after":"7","limit":20,"section":"pageSizes"}"#)
        try expectGolden(SectionChanged.self, #"{"name":"pageSizes","version":2}"#)
    }

    @Test("names that never change")
    func names() {
        let procedures = [ListSections.name, GetSection.name, SetSection.name, ListSectionChanges.name]
        #expect(
            procedures.map(\.rawValue) == [
                "config.sections.v1", "config.section.get.v1", "config.section.set.v1", "config.section.history.v1",
            ])
        #expect(SectionChanged.type.rawValue == "config.section.changed.v1")
    }

    @Test(
        "a number without a fraction is whole, however it is written; an array or object is `other`",
        arguments: [
            ("5", SettingValue.whole(5)), ("5.0", .whole(5)), ("-1", .whole(-1)), ("0.5", .number(0.5)), ("1e30", .number(1e30)),
            ("true", .flag(true)), (#""5""#, .text("5")), ("null", .other), ("[1]", .other), ("{}", .other),
        ])
    func values(json: String, value: SettingValue) {
        #expect((try? JSONDecoder().decode([SettingValue].self, from: Data("[\(json)]".utf8)))?.first == value)
    }
}
