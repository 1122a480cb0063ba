import Foundation
import Postgres
import PostgresTesting
import Synchronization
import TestSupport

/// A Postgres of one test's own, to be killed, stopped and started again. It listens on loopback, lets everybody in, and goes with its data.
final class OwnPostgres: Sendable {
    /// The postmaster and the shell that watches over it.
    private struct Running {
        let shell: Process
        /// Closed by the kernel when the tests die, however they die; then the shell kills the server.
        let leash: Pipe
        let postmaster: pid_t
    }

    let port: Int
    private let directory: URL
    private let running = Mutex<Running?>(nil)

    /// Makes one, starts it, lends it, kills it.
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

    /// Starts it with the data that there is; it may take a moment to answer.
    func start() throws {
        let (leash, report) = (Pipe(), Pipe())
        let shell = try Self.shell(
            #"trap '' PIPE HUP; cd /; ("# + "exec " + Self.command("postgres")
                + #" -D "$1" -p "$2" -h 127.0.0.1 -k '' -F >/dev/null 2>&1) & echo $!; cat >/dev/null; kill -9 $! 2>/dev/null; wait"#,
            [directory.path, "\(port)"])
        (shell.standardInput, shell.standardOutput) = (leash, report)
        try shell.run()
        let said = String(decoding: report.fileHandleForReading.availableData, as: UTF8.self)
        guard let postmaster = pid_t(said.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw CocoaError(.executableLoad)
        }
        running.withLock { $0 = Running(shell: shell, leash: leash, postmaster: postmaster) }
    }

    /// SIGKILL to the postmaster; returns when all its processes have gone, which they do by themselves.
    func kill() async throws {
        killPostmaster()
        _ = try await eventually("the end of all sessions") { processes.isEmpty ? true : nil }
    }

    private func killPostmaster() {
        guard let running = running.withLock({ $0.take() }) else { return }
        try? running.leash.fileHandleForWriting.close()
        running.shell.waitUntilExit()
    }

    /// Who lets new sessions in; those that there are go on without.
    func signalPostmaster(_ number: CInt) { running.withLock { _ = $0.map { Foundation.kill($0.postmaster, number) } } }

    func signalAll(_ number: CInt) { for process in processes { Foundation.kill(process, number) } }

    /// All that work in the directory of the data.
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

    /// The newest one that is installed, as a user that it accepts: it refuses to run as root.
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
