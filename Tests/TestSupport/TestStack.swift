import Foundation

/// The servers of the tests, which `make test` starts and exports.
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
    /// The path of the certificate authority of the servers, PEM.
    package static let certificateAuthority = value("TLS_CA")

    /// Returns a unique name: lower-case letters, digits and `_`, at most 40 characters.
    package static func uniqueName(_ prefix: String = "test") -> String {
        "\(prefix)_\(String(UInt64.random(in: .min ... .max), radix: 36))"
    }

    /// Returns the value of `MARTLET_TEST_<name>`; empty when unset, so that only tests of the missing server
    /// fail.
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
