import Postgres

enum ConfigMigrations {
    static func all() throws -> MigrationSet {
        try MigrationSet([
            "0001_deployment": PackageResources._001_deployment_sql,
            "0002_dynamic": PackageResources._002_dynamic_sql,
            "0003_routing": PackageResources._003_routing_sql,
            "0004_scaling": PackageResources._004_scaling_sql,
        ])
    }
}
