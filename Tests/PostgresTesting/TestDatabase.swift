package import Postgres
package import Reactor

import Logging
import TestSupport

/// Provides a schema of one test on the test server, and a pool for it.
package enum TestDatabase {
    /// The I/O thread of tests without their own.
    package static let io = IOThread(name: "test-postgres")

    /// Returns the configuration of the test server; statements see only the given schema.
    package static func configuration(schema: String? = nil) -> PostgresConfiguration {
        let server = TestStack.postgres
        var configuration = PostgresConfiguration(
            host: server.host, port: server.port, database: TestStack.postgresDatabase, user: server.user,
            password: server.password)
        configuration.schema = schema
        configuration.applicationName = "martlet-test"
        configuration.sharedConnections = 1
        // Long enough for a machine that runs other tests.
        configuration.acquireTimeout = .seconds(60)
        configuration.statementTimeout = .seconds(60)
        configuration.idleInTransactionTimeout = .seconds(60)
        return configuration
    }

    /// Creates a schema, runs `body` with a pool for it, and drops the schema.
    ///
    /// - Parameter configure: may change any setting except the schema.
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

    /// Does the same as ``with(on:configure:_:)``, with these migrations applied.
    package static func migrated<Result>(
        _ migrations: MigrationSet, on io: IOThread = io, configure: (inout PostgresConfiguration) -> Void = { _ in },
        _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        try await with(on: io, configure: configure) { pool in
            _ = try await Migrator(migrations, pool.configuration, logger: Logger(label: "test")).run()
            return try await body(pool)
        }
    }

    /// Runs `body` with a connected pool, and stops the pool afterwards.
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
        try await run("CREATE SCHEMA %I", naming: name, pool)
    }

    private static func dropSchema(_ name: String, _ pool: PostgresPool) async throws {
        _ = try await eventually("dropping the test's schema") {
            do {
                try await run("DROP SCHEMA %I CASCADE", naming: name, pool)
                return true
            } catch let error as PostgresError where error.isUnavailable || error.isTransient {
                return nil
            }
        }
    }

    /// Runs a command that names an object. Such commands take no parameters, but a block can read a setting.
    private static func run(_ command: String, naming name: String, _ pool: PostgresPool) async throws {
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
