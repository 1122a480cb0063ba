import Foundation

/// The servers that tests run against, as `make test` starts and exports them.
package enum TestStack {
    package struct Server: Sendable {
        package let host: String
        package let port: Int
        package let user: String
        package let password: String
    }

    package static let postgres = server("POSTGRES")
    package static let postgresDatabase = value("POSTGRES_DATABASE")
    package static let rabbitmq = server("RABBITMQ")
    package static let rabbitmqTLSPort = number("RABBITMQ_TLS_PORT")
    package static let rabbitmqManagementPort = number("RABBITMQ_MANAGEMENT_PORT")
    package static let redis = server("REDIS")
    /// Path of the certificate authority that signed the servers' certificates, PEM.
    package static let certificateAuthority = value("TLS_CA")

    /// A name that no other test uses: lower-case letters, digits and `_`, at most 40 characters.
    package static func uniqueName(_ prefix: String = "test") -> String {
        "\(prefix)_\(String(UInt64.random(in: .min ... .max), radix: 36))"
    }

    /// The value of `MARTLET_TEST_<name>`; empty when unset, so that a test without its server fails by name instead of crashing the run.
    package static func value(_ name: String) -> String {
        ProcessInfo.processInfo.environment["MARTLET_TEST_\(name)"] ?? ""
    }

    private static func number(_ name: String) -> Int { Int(value(name)) ?? 0 }

    private static func server(_ name: String) -> Server {
        Server(
            host: value("\(name)_HOST"), port: number("\(name)_PORT"), user: value("\(name)_USER"),
            password: value("\(name)_PASSWORD"))
    }
}
