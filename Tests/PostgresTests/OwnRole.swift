import Postgres
import TestSupport

/// A role of one test, whose `search_path` is the test's schema.
enum OwnRole {
    static let password = "secret"

    /// Creates a role, runs `body` with its name, and drops the role with all that it owns.
    ///
    /// - Parameter statementTimeout: the role's setting, in the server's format: `20s`.
    static func with<Result>(
        _ admin: PostgresPool, statementTimeout: String, _ body: (String) async throws -> Result
    ) async throws -> Result {
        let role = TestStack.uniqueName("role")
        try await prepare(role, statementTimeout: statementTimeout, admin)
        do {
            let result = try await body(role)
            try await drop(role, admin)
            return result
        } catch {
            try? await drop(role, admin)
            throw error
        }
    }

    /// Creates the role. Commands take no parameters, so a block builds them from settings of its
    /// transaction.
    private static func prepare(_ role: String, statementTimeout timeout: String, _ admin: PostgresPool) async throws {
        _ = try await admin.atomically([
            "SELECT set_config('martlet.role', \(role), true), set_config('martlet.timeout', \(timeout), true)",
            """
            DO $$ DECLARE role text := current_setting('martlet.role'); BEGIN
                EXECUTE format('CREATE ROLE %I LOGIN PASSWORD ''secret''', role);
                EXECUTE format('GRANT CREATE, USAGE ON SCHEMA %I TO %I', current_schema(), role);
                EXECUTE format('ALTER ROLE %I SET search_path = %I', role, current_schema());
                EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', role, current_setting('martlet.timeout'));
                EXECUTE format('GRANT %I TO CURRENT_USER', role);
            END $$
            """,
        ])
    }

    private static func drop(_ role: String, _ admin: PostgresPool) async throws {
        _ = try await admin.atomically([
            "SELECT set_config('martlet.role', \(role), true)",
            """
            DO $$ DECLARE role text := current_setting('martlet.role'); BEGIN
                EXECUTE format('DROP OWNED BY %I CASCADE', role);
                EXECUTE format('DROP ROLE %I', role);
            END $$
            """,
        ])
    }
}
