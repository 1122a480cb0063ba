import Foundation
import Testing

@testable import ServiceKit

@Suite struct DocumentationTests {
    private static let page =
        try? String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
                .appending(path: "docs/service-kit.md"), encoding: .utf8)

    private static let documented =
        CommonSettings.all + HTTPSettings.all + PostgresSettings.all + RabbitMQSettings.all + RedisSettings.all

    @Test("every setting has its row, with its default", arguments: documented.map(\.variable))
    func settings(variable: String) throws {
        let setting = try #require(Self.documented.first { $0.variable == variable })
        let page = try #require(Self.page)
        let row = try #require(page.split(separator: "\n").first { $0.hasPrefix("| `\(variable)` |") }, "no row for \(variable)")
        if let fallback = setting.fallback {
            // Numbers read without what is zero behind the point, durations without their unit.
            let text = fallback.replacing(/\.0( seconds)?$/, with: "").replacing(" seconds", with: "")
            #expect(row.contains("`\(text)`"), "\(fallback)")
        }
    }

    @Test("the page knows no setting that is not there")
    func nothingElse() throws {
        let page = try #require(Self.page)
        let known = Set(Self.documented.map(\.variable) + ["MARTLET_CONFIG_FILE"])
        let named = Set(page.matches(of: /MARTLET_[A-Z_]+[A-Z]/).map { String($0.0) })
        #expect(named.subtracting(known) == [])
    }
}
