import Foundation
import Postgres
import PostgresTesting
import Synchronization
import TestSupport

/// A Postgres server of one test, which the test can kill, stop and restart. It accepts all users on
/// loopback. Its data is deleted with it.
final class OwnPostgres: Sendable {
    /// The postmaster and the shell that supervises it.
    private struct Running {
        let shell: Process
        /// The kernel closes the pipe when the test process ends in any way; then the shell kills the server.
        let leash: Pipe
        let postmaster: pid_t
    }

    let port: Int
    private let directory: URL
    private let running = Mutex<Running?>(nil)

    /// Creates and starts a server, runs `body`, and kills the server.
    static func with(_ body: (OwnPostgres) async throws -> Void) async throws {
        let server = try OwnPostgres()
        defer { server.remove() }
        try server.start()
        try await body(server)
    }

    private init() throws {
        port = try Loopback.freePort()
        directory = FileManager.default.temporaryDirectory.appending(path: TestStack.uniqueName("postgres"))
        let make = try Self.shell(
            #"mkdir "$1" && if [ "$(id -u)" = 0 ]; then chown postgres "$1"; fi && cd / && "# + Self.command("initdb")
                + #" -D "$1" -U postgres -A trust --no-sync >/dev/null"#, [directory.path])
        try make.run()
        make.waitUntilExit()
        guard make.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
    }

    var configuration: PostgresConfiguration {
        var configuration = PostgresConfiguration(
            host: "127.0.0.1", port: port, database: "postgres", user: "postgres", password: "")
        configuration.sharedConnections = 1
        configuration.statementTimeout = .seconds(60)
        configuration.acquireTimeout = .seconds(60)
        return configuration
    }

    /// Starts the server with its existing data. It may not accept connections at once.
    func start() throws {
        let (leash, report) = (Pipe(), Pipe())
        let shell = try Self.shell(
            #"trap '' PIPE HUP; cd /; ("# + "exec " + Self.command("postgres")
                + #" -D "$1" -p "$2" -h 127.0.0.1 -k '' -F >/dev/null 2>&1) & echo $!; cat >/dev/null; kill -9 $! 2>/dev/null; wait"#,
            [directory.path, "\(port)"])
        (shell.standardInput, shell.standardOutput) = (leash, report)
        try shell.run()
        let output = String(decoding: report.fileHandleForReading.availableData, as: UTF8.self)
        guard let postmaster = pid_t(output.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw CocoaError(.executableLoad)
        }
        running.withLock { $0 = Running(shell: shell, leash: leash, postmaster: postmaster) }
    }

    /// Kills the postmaster and returns when its child processes have ended.
    func kill() async throws {
        killPostmaster()
        _ = try await eventually("the end of all server processes") { processes.isEmpty ? true : nil }
    }

    private func killPostmaster() {
        guard let running = running.withLock({ $0.take() }) else { return }
        try? running.leash.fileHandleForWriting.close()
        running.shell.waitUntilExit()
    }

    /// The process that accepts new sessions; existing ones continue without it.
    func signalPostmaster(_ number: CInt) { running.withLock { _ = $0.map { Foundation.kill($0.postmaster, number) } } }

    func signalAll(_ number: CInt) { for process in processes { Foundation.kill(process, number) } }

    /// The processes with this data directory.
    private var processes: [pid_t] {
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { pid_t($0) } ?? []
        return numbers.filter {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\($0)/cwd")) == directory.path
        }
    }

    private func remove() {
        killPostmaster()
        signalAll(SIGKILL)
        try? FileManager.default.removeItem(at: directory)
    }

    /// The newest installed version, run as a user that it accepts: Postgres refuses to run as root.
    private static func command(_ name: String) -> String {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root))?.compactMap { Int($0) } ?? []
        let user = getuid() == 0 ? "setpriv --reuid=postgres --regid=postgres --init-groups " : ""
        return "\(user)\(root)/\(versions.max() ?? 0)/bin/\(name)"
    }

    private static func shell(_ script: String, _ arguments: [String]) throws -> Process {
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/sh")
        shell.arguments = ["-c", script, "sh"] + arguments
        return shell
    }
}
