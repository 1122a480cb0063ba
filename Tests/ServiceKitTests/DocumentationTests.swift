import Contracts
import Foundation
import Testing

@testable import ServiceKit

@Suite("Documentation of settings") struct DocumentationTests {
    private static let page = read("service-kit.md")
    private static let sections = read("configuration.md")

    private static func read(_ name: String) -> String? {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return try? String(contentsOf: root.appending(path: "docs/\(name)"), encoding: .utf8)
    }

    private static let documented =
        CommonSettings.all + HTTPSettings.all + PostgresSettings.all + RabbitMQSettings.all + RedisSettings.all

    @Test("every setting has a row with its default", arguments: documented.map(\.variable))
    func settings(variable: String) throws {
        let setting = try #require(Self.documented.first { $0.variable == variable })
        let page = try #require(Self.page)
        let row = try #require(page.split(separator: "\n").first { $0.hasPrefix("| `\(variable)` |") }, "no row for \(variable)")
        if let fallback = setting.fallback {
            // The page omits a zero fraction, and the unit of durations.
            let text = fallback.replacing(/\.0( seconds)?$/, with: "").replacing(" seconds", with: "")
            #expect(row.contains("`\(text)`"), "\(fallback)")
        }
    }

    @Test("every value of a section has a row with its default and range", arguments: Sections.all.map(\.name))
    func dynamic(name: String) throws {
        let page = try #require(Self.sections)
        for field in try #require(Sections[name]).fields {
            let row = try #require(
                page.split(separator: "\n").first { $0.hasPrefix("| `\(name).\(field.name)` |") }, "no row for \(field.name)")
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            #expect(cells[1] == field.fallback.description)
            let range = try #require(field.expectation.firstMatch(of: /from (.+) to (.+)$/))
            let bounds = [range.1, range.2].map { $0.hasSuffix(".0") ? $0.dropLast(2) : $0 }
            #expect(cells[2].hasPrefix("\(bounds[0]) to \(bounds[1])"), "\(row)")
        }
    }

    @Test("the page of sections lists no unknown value")
    func noOtherSections() throws {
        let rows = try #require(Self.sections).matches(of: /(?m)^\| `(\w+\.\w+)` \|/).map { String($0.1) }
        #expect(rows.sorted() == Sections.settings.map(\.key).sorted())
    }

    @Test("the page lists no unknown setting")
    func nothingElse() throws {
        let page = try #require(Self.page)
        let known = Set(Self.documented.map(\.variable) + ["MARTLET_CONFIG_FILE"])
        let named = Set(page.matches(of: /MARTLET_[A-Z_]+[A-Z]/).map { String($0.0) })
        #expect(named.subtracting(known) == [])
    }
}
