import Contracts
import TestSupport
import Testing

@testable import Config

@Suite("Section revision") struct SectionRevisionTests {
    private let now = Timestamp(millisecondsSinceEpoch: 2_000)
    private let ada = UserID(rawValue: 1)
    private let bob = UserID(rawValue: 2)

    private func present(_ version: Int64, _ values: [String: SettingValue], by user: UserID? = nil) -> ConfigSection {
        ConfigSection(
            name: "s", version: version, values: values, changedAt: Timestamp(millisecondsSinceEpoch: 1_000), changedBy: user)
    }

    private func request(_ version: Int64, _ values: [String: SettingValue]) -> SetSection {
        SetSection(section: "s", version: version, values: values, userID: ada)
    }

    @Test("a change of the present version creates the next one, with its author and time")
    func change() {
        let next = ConfigSection(name: "s", version: 4, values: ["a": .whole(2)], changedAt: now, changedBy: ada)
        #expect(SectionRevision(request(3, ["a": .whole(2)]), on: present(3, ["a": .whole(1)]), at: now) == .change(next))
    }

    @Test("changedAt never decreases along the versions")
    func clocks() {
        let early = Timestamp(millisecondsSinceEpoch: 10)
        guard case .change(let next) = SectionRevision(request(3, ["a": .whole(2)]), on: present(3, ["a": .whole(1)]), at: early)
        else {
            Issue.record("the change was rejected")
            return
        }
        #expect(next.changedAt == Timestamp(millisecondsSinceEpoch: 1_000))
    }

    @Test("a change of another version is stale")
    func stale() {
        for version: Int64 in [-1, 0, 1, 2, 4, .max, .min] {
            #expect(SectionRevision(request(version, ["a": .whole(2)]), on: present(3, ["a": .whole(1)]), at: now) == .stale)
        }
    }

    @Test("equal values create no version, and only the author of the last change may repeat it")
    func unchanged() {
        let values = ["a": SettingValue.whole(1)]
        #expect(SectionRevision(request(3, values), on: present(3, values, by: bob), at: now) == .unchanged)
        #expect(SectionRevision(request(2, values), on: present(3, values, by: ada), at: now) == .unchanged)
        #expect(SectionRevision(request(2, values), on: present(3, values, by: bob), at: now) == .stale)
        #expect(SectionRevision(request(1, values), on: present(3, values, by: ada), at: now) == .stale)
    }

    @Test("values that a later release stored are kept")
    func later() {
        let before: [String: SettingValue] = ["a": .whole(1), "later": .flag(true)]
        guard case .change(let next) = SectionRevision(request(3, ["a": .whole(2)]), on: present(3, before), at: now) else {
            Issue.record("the change was rejected")
            return
        }
        #expect(next.values == ["a": .whole(2), "later": .flag(true)])
    }

    @Test("in any order of requests, versions grow by one and only when the values change", arguments: UInt64(1)...50)
    func versions(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var (section, changes) = (present(1, ["a": .whole(0)]), 0)
        for _ in 0..<200 {
            let wanted = request(
                .random(in: section.version - 2...section.version + 2, using: &random),
                ["a": .whole(.random(in: 0...2, using: &random))])
            switch SectionRevision(wanted, on: section, at: now) {
            case .change(let next):
                #expect(next.version == section.version + 1 && next.values != section.values && wanted.version == section.version)
                (section, changes) = (next, changes + 1)
            case .unchanged: #expect(wanted.values == section.values)
            case .stale: #expect(wanted.version != section.version)
            }
        }
        #expect(changes > 5)
    }
}
