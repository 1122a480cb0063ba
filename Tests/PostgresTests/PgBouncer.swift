import Foundation
import Postgres
import PostgresTesting
import TestSupport

/// A PgBouncer of one test, in transaction mode in front of the test server.
final class PgBouncer {
    static let path = "/usr/sbin/pgbouncer"
    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: path) }

    let port: Int
    private let folder: URL
    private var process: Process?

    /// - Parameters:
    ///   - user: a role of the server, with this password.
    ///   - connections: the number of server connections for all clients together.
    init(user: String, password: String, connections: Int) throws {
        port = try Loopback.freePort()
        folder = FileManager.default.temporaryDirectory.appending(path: TestStack.uniqueName("pgbouncer"))
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let settings = """
            [databases]
            * = host=\(TestStack.postgres.host) port=\(TestStack.postgres.port)
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = \(port)
            unix_socket_dir =
            auth_type = plain
            auth_file = \(folder.path)/users.txt
            pool_mode = transaction
            default_pool_size = \(connections)
            """
        try Data(settings.utf8).write(to: folder.appending(path: "pgbouncer.ini"))
        try Data("\"\(user)\" \"\(password)\"\n".utf8).write(to: folder.appending(path: "users.txt"))
        // PgBouncer refuses to run as root; another user must be able to read the files.
        for (name, mode) in [("", 0o755), ("pgbouncer.ini", 0o644), ("users.txt", 0o644)] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder.appending(path: name).path)
        }
    }

    deinit {
        process?.terminate()
        try? FileManager.default.removeItem(at: folder)
    }

    func start() throws {
        let process = Process()
        let arguments = [Self.path, "--quiet", folder.appending(path: "pgbouncer.ini").path]
        if getuid() == 0 {
            process.executableURL = URL(filePath: "/usr/bin/setpriv")
            process.arguments = ["--reuid=65534", "--regid=65534", "--clear-groups"] + arguments
        } else {
            process.executableURL = URL(filePath: Self.path)
            process.arguments = Array(arguments.dropFirst())
        }
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        self.process = process
    }

    /// Kills it: clients see their connections close.
    func kill() {
        guard let process else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }
}

extension PgBouncer {
    /// Runs `body` with a PgBouncer, a role whose statements may take 20 s, and a pool that uses both.
    static func with<Result>(
        connections: Int = 2, _ body: (PostgresPool, PgBouncer) async throws -> Result
    ) async throws -> Result {
        try await TestDatabase.with { admin in
            try await OwnRole.with(admin, statementTimeout: "20s") { role in
                let bouncer = try PgBouncer(user: role, password: OwnRole.password, connections: connections)
                try bouncer.start()
                defer { bouncer.kill() }
                var configuration = PostgresConfiguration(
                    host: "127.0.0.1", port: bouncer.port, database: admin.configuration.database, user: role,
                    password: OwnRole.password)
                configuration.namedStatements = false
                configuration.statementTimeout = .seconds(20)
                configuration.acquireTimeout = .seconds(20)
                configuration.directAddress = admin.configuration.address
                return try await TestDatabase.running(configuration) { try await body($0, bouncer) }
            }
        }
    }
}
