import Contracts
import Testing

@testable import ServiceKit

@Suite("Which version of a section a process runs with") struct KeptSectionsTests {
    private func section(_ version: Int64, _ values: [String: SettingValue], name: String = "pageSizes") -> ConfigSection {
        ConfigSection(name: name, version: version, values: values, changedAt: Timestamp(millisecondsSinceEpoch: 0))
    }

    private func values(_ usual: Int64, _ most: Int64) -> [String: SettingValue] {
        ["usual": .whole(usual), "most": .whole(most)]
    }

    @Test("the latest answer holds, be its version higher or lower, as after a restore")
    func latest() {
        var sections = KeptSections()
        #expect(sections.take([section(1, values(50, 100))]) == .init())
        #expect(sections.take([section(2, values(20, 40))]) == .init(changed: ["pageSizes"]))
        #expect(sections.take([section(3, values(20, 40))]) == .init())
        #expect(sections.states["pageSizes"]?.kept?.version == 3)
        #expect(sections.take([section(1, values(50, 100))]) == .init(changed: ["pageSizes"]))
        #expect(sections.states["pageSizes"]?.kept == .init(version: 1, values: values(50, 100)))
        #expect(sections.take([]) == .init())
        #expect(sections.states["pageSizes"]?.kept?.version == 1)
    }

    @Test("a version is refused as a whole, once, and forgotten with the next good one")
    func refused() {
        var sections = KeptSections()
        _ = sections.take([section(2, values(20, 40))])
        #expect(sections.take([section(3, values(10, 101))]) == .init(refused: ["pageSizes"]))
        #expect(sections.take([section(3, values(10, 101))]) == .init())
        #expect(sections.states["pageSizes"]?.kept == .init(version: 2, values: values(20, 40)))
        #expect(sections.states["pageSizes"]?.refused?.version == 3)
        #expect(sections.take([section(4, values(10, 100))]) == .init(changed: ["pageSizes"]))
        #expect(sections.states["pageSizes"]?.refused == nil)
    }

    @Test("what a later release added is passed over; what an earlier one lacks has its default")
    func releases() {
        var sections = KeptSections()
        let later = section(2, ["usual": .whole(20), "later": .text("x")])
        #expect(sections.take([later, section(1, [:], name: "later")]) == .init(changed: ["pageSizes"]))
        #expect(sections.states["pageSizes"]?.kept?.values == values(20, 100))
        #expect(sections.states["later"] == nil)
    }
}
