import Postgres
import TestSupport

/// A role of one test's own, whose `search_path` is the test's schema.
enum OwnRole {
    static let password = "secret"

    /// Makes one, lends its name, drops it with all that it owns.
    ///
    /// - Parameter statementTimeout: set for the role, as the server writes times: `20s`.
    static func with<Result>(
        _ admin: PostgresPool, statementTimeout: String, _ body: (String) async throws -> Result
    ) async throws -> Result {
        let role = TestStack.uniqueName("role")
        try await prepare(role, statementTimeout, admin)
        do {
            let result = try await body(role)
            try await drop(role, admin)
            return result
        } catch {
            try? await drop(role, admin)
            throw error
        }
    }

    /// Commands do not take parameters; a block builds them from settings of its transaction.
    private static func prepare(_ role: String, _ timeout: String, _ admin: PostgresPool) async throws {
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
