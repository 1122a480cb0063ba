import Contracts
import Testing

@testable import ServiceKit

@Suite("Which version of a section a process uses") struct AcceptedSectionsTests {
    private func section(_ version: Int64, _ values: [String: SettingValue], name: String = "pageSizes") -> ConfigSection {
        ConfigSection(name: name, version: version, values: values, changedAt: Timestamp(millisecondsSinceEpoch: 0))
    }

    private func values(_ usual: Int64, _ most: Int64) -> [String: SettingValue] {
        ["usual": .whole(usual), "most": .whole(most)]
    }

    @Test("the latest response applies, also with a lower version, as after a restore")
    func latest() {
        var sections = AcceptedSections()
        #expect(sections.apply([section(1, values(50, 100))]) == .init())
        #expect(sections.apply([section(2, values(20, 40))]) == .init(changed: ["pageSizes"]))
        #expect(sections.apply([section(3, values(20, 40))]) == .init())
        #expect(sections.states["pageSizes"]?.accepted?.version == 3)
        #expect(sections.apply([section(1, values(50, 100))]) == .init(changed: ["pageSizes"]))
        #expect(sections.states["pageSizes"]?.accepted == .init(version: 1, values: values(50, 100)))
        #expect(sections.apply([]) == .init())
        #expect(sections.states["pageSizes"]?.accepted?.version == 1)
    }

    @Test("an invalid version is rejected as a whole, once, until the next valid one")
    func rejected() {
        var sections = AcceptedSections()
        _ = sections.apply([section(2, values(20, 40))])
        #expect(sections.apply([section(3, values(10, 101))]) == .init(rejected: ["pageSizes"]))
        #expect(sections.apply([section(3, values(10, 101))]) == .init())
        #expect(sections.states["pageSizes"]?.accepted == .init(version: 2, values: values(20, 40)))
        #expect(sections.states["pageSizes"]?.rejected?.version == 3)
        #expect(sections.apply([section(4, values(10, 100))]) == .init(changed: ["pageSizes"]))
        #expect(sections.states["pageSizes"]?.rejected == nil)
    }

    @Test("unknown fields are ignored; missing fields have their defaults")
    func releases() {
        var sections = AcceptedSections()
        let later = section(2, ["usual": .whole(20), "later": .text("x")])
        #expect(sections.apply([later, section(1, [:], name: "later")]) == .init(changed: ["pageSizes"]))
        #expect(sections.states["pageSizes"]?.accepted?.values == values(20, 100))
        #expect(sections.states["later"] == nil)
    }
}
