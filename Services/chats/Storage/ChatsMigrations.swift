import Postgres

/// The schema of this service, as `Migrations/` tells it.
enum ChatsMigrations {
    static func all() throws(MigrationError) -> MigrationSet {
        try MigrationSet([
            "0001_chats": PackageResources._001_chats_sql,
            "0002_people": PackageResources._002_people_sql,
            "0003_outbox": PackageResources._003_outbox_sql,
            "0004_outbox_lz4": PackageResources._004_outbox_lz4_sql,
        ])
    }
}
