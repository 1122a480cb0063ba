import Postgres
import Testing

@testable import Config

@Suite("Migrations of config") struct ConfigMigrationsTests {
    @Test("they are in order and have checksums")
    func all() throws { _ = try ConfigMigrations.all() }
}
