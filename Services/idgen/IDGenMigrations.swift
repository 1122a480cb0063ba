import Postgres

enum IDGenMigrations {
    static func all() throws -> MigrationSet { try MigrationSet(["0001_generators": PackageResources._001_generators_sql]) }
}
