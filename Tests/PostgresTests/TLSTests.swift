import Foundation
import Logging
import Postgres
import PostgresTesting
import TestSupport
import Testing

@Suite("TLS", .timeLimit(.minutes(1))) struct TLSTests {
    private func isEncrypted(_ tls: PostgresConfiguration.TLS) async throws -> Bool {
        var configuration = TestDatabase.configuration()
        configuration.tls = tls
        return try await TestDatabase.running(configuration) { pool in
            let shared = try await pool.one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", as: Bool.self)
            let exclusive = try await pool.transaction {
                try await $0.one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", as: Bool.self)
            }
            #expect(shared == exclusive)
            let text = String(repeating: "martlet", count: 300_000)
            #expect(try await pool.one("SELECT \(text)", as: String.self) == text)
            return shared
        }
    }

    @Test("a connection is encrypted when configured, plain otherwise")
    func encrypted() async throws {
        #expect(try await isEncrypted(.verified(authorities: TestStack.certificateAuthority)))
        #expect(try await isEncrypted(.verifiedAuthority(authorities: TestStack.certificateAuthority)))
        #expect(try await isEncrypted(.unverified))
        #expect(try await isEncrypted(.off) == false)
    }

    @Test("a certificate of another authority or another name is rejected")
    func refused() async throws {
        let other = FileManager.default.temporaryDirectory.appending(path: TestStack.uniqueName("ca") + ".pem")
        try Data(Self.otherAuthority.utf8).write(to: other)
        defer { try? FileManager.default.removeItem(at: other) }
        var wrongAuthority = TestDatabase.configuration()
        wrongAuthority.tls = .verifiedAuthority(authorities: other.path)
        try await expectRefusal(wrongAuthority)
        var noAuthority = TestDatabase.configuration()
        noAuthority.tls = .verified(authorities: "/nonexistent/ca.pem")
        try await expectRefusal(noAuthority)
        // On Linux the host “0” is the local machine; the certificate does not contain it.
        var wrongName = TestDatabase.configuration()
        wrongName.tls = .verified(authorities: TestStack.certificateAuthority)
        wrongName.address.host = "0"
        try await expectRefusal(wrongName)
    }

    private func expectRefusal(_ configuration: PostgresConfiguration) async throws {
        let pool = PostgresPool(configuration, on: TestDatabase.io, logger: Logger(label: "test"))
        let run = Task { try await pool.run() }
        let error = try await eventually("a rejection with its reason") {
            do throws(PostgresError) {
                _ = try await pool.query("SELECT 1")
                return PostgresError(.unexpectedResult, "it answered")
            } catch {
                return error.message.contains("not connected yet") ? nil : error
            }
        }
        #expect(error.reason == .unavailable)
        #expect(error.message.contains("certificate"))
        run.cancel()
        try await run.value
    }

    /// A certificate authority that signed no certificate of the test.
    private static let otherAuthority = """
        -----BEGIN CERTIFICATE-----
        MIIBjzCCATWgAwIBAgIURKQ5oUE3fWjH/kUMeSSD34A/OxkwCgYIKoZIzj0EAwIw
        HDEaMBgGA1UEAwwRYW5vdGhlciBhdXRob3JpdHkwIBcNMjYxMTIxMDgwMzEyWhgP
        MjEyNjEwMjgwODAzMTJaMBwxGjAYBgNVBAMMEWFub3RoZXIgYXV0aG9yaXR5MFkw
        EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEn6BBJhXeCypj4+fLvwOZl112KWwMgOcx
        OrrKp/a/2EXy79sPQN7Ycr/R8vYVqepa6zezmGATELyeK70buzEuTqNTMFEwHQYD
        VR0OBBYEFH+4jpKQe3ZiCtd9hXW0pHb7kVijMB8GA1UdIwQYMBaAFH+4jpKQe3Zi
        Ctd9hXW0pHb7kVijMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIg
        e7yoS837/I7ZtbhFDxQ/7Hr6QZRr9btBB7NXFdBxTRUCIQD0vVY/i+3NbISKUb2o
        dCaP3lfnydo4XT1h/rqEFWQNRg==
        -----END CERTIFICATE-----
        """
}
