import Bus
import Contracts
import Foundation
import Postgres

/// The sections and their history.
struct SectionStore: Sendable {
    /// The number of changes that are kept of one section.
    static let changeLimit: Int64 = 1_000

    let database: PostgresPool

    /// Stores the defaults of sections that do not exist yet. Several processes may do so at once.
    func seed(_ sections: [String: [String: SettingValue]], at now: Timestamp) async throws {
        let (names, contents) = (Array(sections.keys), try sections.values.map(Self.text))
        try await database.execute(
            """
            WITH seeded AS (
                INSERT INTO sections (name, version, content, changed_at)
                SELECT name, 1, content::jsonb, \(now) FROM unnest(\(names), \(contents)) AS given(name, content)
                ON CONFLICT (name) DO NOTHING RETURNING name, content
            )
            INSERT INTO section_changes (section, version, before, after, changed_at)
            SELECT name, 1, '{}'::jsonb, content, \(now) FROM seeded
            """)
    }

    /// Returns the sections with these names, ordered by name.
    func sections(_ names: [String]) async throws -> [ConfigSection] {
        try await database.reads.query(
            """
            SELECT name, version, content::text, changed_at, changed_by FROM sections WHERE name = ANY(\(names)) ORDER BY name
            """, as: Row.self
        ).map(Self.section)
    }

    enum RevisionResult: Sendable {
        /// - Parameter isNew: false when the section had these values already.
        case stored(ConfigSection, isNew: Bool)
        case stale(present: Int64)
        case notFound
    }

    /// Applies the decision of `decide` under the row's lock, and records the change with its author.
    func revise(_ name: String, _ decide: @Sendable (ConfigSection) -> SectionRevision) async throws -> RevisionResult {
        try await database.transaction { transaction in
            let found = try await transaction.query(
                "SELECT name, version, content::text, changed_at, changed_by FROM sections WHERE name = \(name) FOR UPDATE"
            ).first(as: Row.self)
            guard let present = try found.map(Self.section) else { return .notFound }
            switch decide(present) {
            case .unchanged: return .stored(present, isNew: false)
            case .stale: return .stale(present: present.version)
            case .change(let next):
                for statement in try Self.statements(from: present, to: next) { transaction.enqueue(statement) }
                return .stored(next, isNew: true)
            }
        }
    }

    private static func statements(from present: ConfigSection, to next: ConfigSection) throws -> [SQL] {
        let (before, after, by) = (try text(present.values), try text(next.values), next.changedBy as UserID?)
        return [
            """
            UPDATE sections SET version = \(next.version), content = \(after)::jsonb, changed_at = \(next.changedAt), changed_by = \(by)
            WHERE name = \(next.name)
            """,
            """
            INSERT INTO section_changes (section, version, before, after, changed_at, changed_by)
            VALUES (\(next.name), \(next.version), \(before)::jsonb, \(after)::jsonb, \(next.changedAt), \(by))
            """,
            "DELETE FROM section_changes WHERE section = \(next.name) AND version <= \(next.version - changeLimit)",
        ]
    }

    /// Returns the changes that led to versions below `version`, the latest first.
    func changes(of name: String, below version: Int64, limit: Int) async throws -> [ConfigChange] {
        try await database.reads.query(
            """
            SELECT version, before::text, after::text, changed_at, changed_by FROM section_changes
            WHERE section = \(name) AND version < \(version) ORDER BY version DESC LIMIT \(limit)
            """, as: (Int64, String, String, Timestamp, UserID?).self
        ).map {
            ConfigChange(
                version: $0.0, before: try Self.values($0.1), after: try Self.values($0.2), changedAt: $0.3, changedBy: $0.4)
        }
    }

    private typealias Row = (String, Int64, String, Timestamp, UserID?)

    private static func section(_ row: Row) throws -> ConfigSection {
        ConfigSection(name: row.0, version: row.1, values: try values(row.2), changedAt: row.3, changedBy: row.4)
    }

    private static func values(_ text: String) throws -> [String: SettingValue] {
        try JSONDecoder().decode([String: SettingValue].self, from: Data(text.utf8))
    }

    private static func text(_ values: [String: SettingValue]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(values), as: UTF8.self)
    }
}
