import Foundation
import StackTesting
import TestSupport
import Testing

/// The rights of each service's accounts on the servers. Services do not trust one another.
@Suite("Rights of services", .timeLimit(.minutes(15))) struct RightsTests {
    private static let services = ["bff", "users", "chats", "idgen", "messaging", "config"]
    private static let tables = ["users": "accounts", "chats": "messages", "idgen": "generators", "config": "deployment"]

    @Test("on the broker a service publishes its own events, serves its own calls and makes its permitted ones only")
    func broker() async throws {
        let printed = try await Subprocess.run(
            "/usr/bin/python3",
            [
                Subprocess.script("rights.py"), "\(TestStack.rabbitmq.port)", TestStack.value("SECRETS"),
                Self.services.joined(separator: ","),
            ])
        let answers = printed.split(separator: "\n").map { $0.split(separator: ": ").map(String.init) }
        let own = Self.services.flatMap {
            ["\($0) tells a fact of \($0)", "\($0) gives a notice of \($0)", "\($0) hears calls to \($0)"]
        }
        let calls = [
            "bff": ["users", "chats", "config"], "users": ["idgen", "config"], "chats": ["idgen", "users", "config"],
            "idgen": ["config"], "messaging": ["users", "chats", "config"],
        ].flatMap { caller, called in called.map { "\(caller) calls \($0)" } }
        let live =
            ["users", "chats", "messaging"].flatMap { ["\($0) tells live connections", "\($0) has dropped deliveries noted"] }
            + ["messaging hears for live connections"]
        #expect(Set(answers.filter { $0.last == "allowed" }.map { $0[0] }) == Set(own + calls + live))
        // Publishing as another user violates no permission; the broker rejects the false property with 406.
        #expect(answers.allSatisfy { ["allowed", $0[0].contains(" speaks as ") ? "406" : "403"].contains($0.last) })
        #expect(answers.count > 130)
    }

    @Test("in Postgres a service's role has access to its own schema only", arguments: tables.keys.sorted())
    func postgres(role: String) async throws {
        #expect(try await sql("TABLE \(Self.tables[role] ?? "") LIMIT 0", as: role).isEmpty)
        for (schema, table) in Self.tables where schema != role {
            for attempt in [
                "TABLE \(schema).\(table)", "DELETE FROM \(schema).\(table)", "INSERT INTO \(schema).\(table) DEFAULT VALUES",
                "CREATE TABLE \(schema).mine ()", "DROP SCHEMA \(schema) CASCADE", "SET ROLE \(schema)",
            ] {
                #expect(try await sql(attempt, as: role) == "42501", "\(attempt)")
            }
        }
        #expect(try await sql("CREATE TABLE public.mine ()", as: role) == "42501")
        #expect(try await sql("CREATE SCHEMA mine", as: role) == "42501")
    }

    @Test("in Redis a service has access to the keys and channels of its own prefix only", arguments: services)
    func redis(user: String) async throws {
        #expect(try await redis("SET \(user):right tried EX 1", as: user) == "OK")
        for other in Self.services where other != user {
            for attempt in [
                "GET \(other):right", "SET \(other):right tried", "DEL \(other):right", "COPY \(user):right \(other):right",
                "EVAL \"return redis.call('GET', '\(other):right')\" 0", "PUBLISH \(other):right tried",
                "SUBSCRIBE \(other):right", "PSUBSCRIBE *",
            ] {
                let answer = try await redis(attempt, as: user)
                #expect(answer.contains("NOPERM") || answer.contains("can't access"), "\(attempt)")
            }
        }
        for attempt in ["KEYS *", "SCAN 0", "RANDOMKEY", "FLUSHALL", "ACL LIST", "CONFIG GET *", "MONITOR"] {
            #expect(try await redis(attempt, as: user).contains("NOPERM"), "\(attempt)")
        }
    }

    /// - Returns: the output: nothing, or the SQLSTATE of an error.
    private func sql(_ statement: String, as role: String) async throws -> String {
        let address = "host=127.0.0.1 port=\(TestStack.postgres.port) dbname=martlet user=\(role)"
        let printed = try await Subprocess.run(
            "/bin/bash", ["-c", #"psql "$0" -qtX -v VERBOSITY=sqlstate -c "$1" 2>&1 || true"#, address, statement],
            environment: ["PGPASSWORD": try secret("postgres.\(role)")])
        return printed.replacing("ERROR:", with: "").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func redis(_ command: String, as user: String) async throws -> String {
        try await Subprocess.run(
            "/bin/bash", ["-c", #"redis-cli -p "$0" --user "$1" 2>&1 <<<"$2""#, "\(TestStack.redis.port)", user, command],
            environment: ["REDISCLI_AUTH": try secret("redis.\(user)")]
        ).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func secret(_ name: String) throws -> String {
        try String(contentsOfFile: "\(TestStack.value("SECRETS"))/\(name)", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
