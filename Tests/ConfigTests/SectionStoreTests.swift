import Contracts
import Postgres
import PostgresTesting
import Synchronization
import Testing

@testable import Config

@Suite("Sections in Postgres", .timeLimit(.minutes(3))) struct SectionStoreTests {
    private let now = Timestamp(millisecondsSinceEpoch: 1_800_000_000_000)
    private let ada = UserID(rawValue: 7)

    private func with(_ body: (SectionStore) async throws -> Void) async throws {
        try await TestDatabase.migrated(try ConfigMigrations.all()) { try await body(SectionStore(database: $0)) }
    }

    private func change(_ values: [String: SettingValue]) -> @Sendable (ConfigSection) -> SectionRevision {
        { [ada, now] present in
            let next = ConfigSection(
                name: present.name, version: present.version + 1, values: values, changedAt: now, changedBy: ada)
            return .change(next)
        }
    }

    @Test("defaults are stored once: existing sections stay, new sections are added")
    func seed() async throws {
        try await with { store in
            try await store.seed(["a": ["x": .whole(1)]], at: now)
            try await store.seed(["a": ["x": .whole(2)], "b": ["y": .number(0.5), "z": .text("ä")]], at: now)
            let sections = try await store.sections(["a", "b", "c"])
            #expect(
                sections == [
                    ConfigSection(name: "a", version: 1, values: ["x": .whole(1)], changedAt: now),
                    ConfigSection(name: "b", version: 1, values: ["y": .number(0.5), "z": .text("ä")], changedAt: now),
                ])
            #expect(
                try await store.changes(of: "a", below: .max, limit: 10) == [
                    ConfigChange(version: 1, before: [:], after: ["x": .whole(1)], changedAt: now)
                ])
        }
    }

    @Test("a change is stored with the values before it, its author and its time")
    func history() async throws {
        try await with { store in
            try await store.seed(["a": ["x": .whole(1)]], at: now)
            for number: Int64 in 2...5 {
                guard case .stored(let section, true) = try await store.revise("a", change(["x": .whole(number)])) else {
                    Issue.record("the change was rejected")
                    return
                }
                #expect(section.version == number)
            }
            let changes = try await store.changes(of: "a", below: 5, limit: 2)
            #expect(changes.map(\.version) == [4, 3])
            #expect(changes[0].before == ["x": .whole(3)] && changes[0].after == ["x": .whole(4)])
            #expect(changes[0].changedBy == ada && changes[0].changedAt == now)
            #expect(try await store.sections(["a"]).first?.changedBy == ada)
        }
    }

    @Test("of many concurrent changes of one version, one succeeds")
    func race() async throws {
        try await with { store in
            try await store.seed(["a": ["x": .whole(1)]], at: now)
            let done = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number: Int64 in 1...20 {
                    group.addTask {
                        let request = SetSection(section: "a", version: 1, values: ["x": .whole(100 + number)], userID: ada)
                        let revised = try await store.revise("a") { SectionRevision(request, on: $0, at: now) }
                        if case .stored = revised { return true } else { return false }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(done.filter(\.self).count == 1)
            #expect(try await store.sections(["a"]).first?.version == 2)
        }
    }

    @Test("the last 1,000 changes are kept")
    func bounded() async throws {
        try await with { store in
            try await store.seed(["a": ["x": .whole(1)]], at: now)
            try await store.database.execute(
                """
                INSERT INTO section_changes (section, version, before, after, changed_at)
                SELECT 'a', version, '{}'::jsonb, '{}'::jsonb, now() FROM generate_series(2, 1000) AS version
                """)
            try await store.database.execute("UPDATE sections SET version = 1000")
            _ = try await store.revise("a", change(["x": .whole(2)]))
            let oldest = try await store.database.one("SELECT min(version) FROM section_changes", as: Int64.self) as Int64
            #expect(oldest == 2)
            #expect(try await store.changes(of: "a", below: 10, limit: 1).map(\.version) == [9])
        }
    }

    @Test("a change does not create a missing section")
    func absent() async throws {
        try await with { store in
            guard case .notFound = try await store.revise("a", change([:])) else {
                Issue.record("the section was found")
                return
            }
        }
    }
}
