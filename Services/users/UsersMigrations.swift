import Postgres

enum UsersMigrations {
    static func all() throws -> MigrationSet {
        try MigrationSet([
            "0001_accounts": PackageResources._001_accounts_sql,
            "0002_sessions": PackageResources._002_sessions_sql,
            "0003_contacts": PackageResources._003_contacts_sql,
            "0004_outbox": PackageResources._004_outbox_sql,
            "0005_search_text": PackageResources._005_search_text_sql,
            "0006_last_seen": PackageResources._006_last_seen_sql,
            "0007_living_sessions": PackageResources._007_living_sessions_sql,
        ])
    }
}
