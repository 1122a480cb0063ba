package import Postgres
package import Reactor

import Logging
import TestSupport

/// A schema of one test's own on the test server, and a pool on it.
package enum TestDatabase {
    /// For tests that have no thread of their own.
    package static let io = IOThread(name: "test-postgres")

    /// How to reach the test server; statements see the given schema alone.
    package static func configuration(schema: String? = nil) -> PostgresConfiguration {
        let server = TestStack.postgres
        var configuration = PostgresConfiguration(
            host: server.host, port: server.port, database: TestStack.postgresDatabase, user: server.user,
            password: server.password)
        configuration.schema = schema
        configuration.applicationName = "martlet-test"
        configuration.sharedConnections = 1
        // Long enough for a machine that is busy with other tests.
        configuration.acquireTimeout = .seconds(60)
        configuration.statementTimeout = .seconds(60)
        configuration.idleInTransactionTimeout = .seconds(60)
        return configuration
    }

    /// Makes a schema, lends a running pool whose statements see it, and drops it with all that is in it.
    ///
    /// - Parameter configure: may change anything but the schema.
    package static func with<Result>(
        on io: IOThread = io, configure: (inout PostgresConfiguration) -> Void = { _ in },
        _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        let schema = TestStack.uniqueName()
        var configuration = configuration(schema: schema)
        configure(&configuration)
        configuration.schema = schema
        return try await running(configuration, on: io) { pool in
            try await createSchema(schema, pool)
            do {
                let result = try await body(pool)
                try await dropSchema(schema, pool)
                return result
            } catch {
                try? await dropSchema(schema, pool)
                throw error
            }
        }
    }

    /// Like ``with(on:configure:_:)``, with these migrations applied.
    package static func migrated<Result>(
        _ migrations: MigrationSet, on io: IOThread = io, configure: (inout PostgresConfiguration) -> Void = { _ in },
        _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        try await with(on: io, configure: configure) { pool in
            _ = try await Migrator(migrations, pool.configuration, logger: Logger(label: "test")).run()
            return try await body(pool)
        }
    }

    /// Lends a pool that is connected; stops it afterwards.
    package static func running<Result>(
        _ configuration: PostgresConfiguration, on io: IOThread = io, _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        let pool = PostgresPool(configuration, on: io, logger: Logger(label: "test"))
        let run = Task { try await pool.run() }
        await pool.ready()
        do {
            let result = try await body(pool)
            run.cancel()
            try await run.value
            return result
        } catch {
            run.cancel()
            try? await run.value
            throw error
        }
    }

    private static func createSchema(_ name: String, _ pool: PostgresPool) async throws {
        try await run("CREATE SCHEMA %I", name, pool)
    }

    private static func dropSchema(_ name: String, _ pool: PostgresPool) async throws {
        _ = try await eventually("dropping the test's schema") {
            do {
                try await run("DROP SCHEMA %I CASCADE", name, pool)
                return true
            } catch let error as PostgresError where error.isUnavailable || error.isTransient {
                return nil
            }
        }
    }

    /// A command cannot take its name as a parameter, but a block can read one from a setting of its transaction.
    private static func run(_ command: String, _ name: String, _ pool: PostgresPool) async throws {
        _ = try await pool.atomically([
            "SELECT set_config('martlet.test_command', \(command), true), set_config('martlet.test_name', \(name), true)",
            """
            DO $$ BEGIN
                EXECUTE format(current_setting('martlet.test_command'), current_setting('martlet.test_name'));
            END $$
            """,
        ])
    }
}
