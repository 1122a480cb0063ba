import Foundation
import Synchronization

/// A Redis server of one test, which the test can pause, kill and restart. It listens on loopback; its data
/// directory is deleted with it.
package final class OwnRedis: Sendable {
    /// The server and the shell that supervises it.
    private struct Running {
        let shell: Process
        /// The kernel closes the pipe when the test process ends in any way; then the shell kills the server.
        let leash: Pipe
        let server: pid_t
    }

    package let port: Int
    private let directory: URL
    private let options: [String]
    private let running = Mutex<Running?>(nil)

    /// Starts a server, runs `body`, and kills the server.
    ///
    /// - Parameter options: options of `redis-server`, for example `["--maxmemory", "2mb"]`.
    package static func with<Result>(
        options: [String] = [], isolation: isolated (any Actor)? = #isolation, _ body: (OwnRedis) async throws -> Result
    ) async throws -> Result {
        let redis = try OwnRedis(options: options)
        defer { redis.remove() }
        try redis.start()
        return try await body(redis)
    }

    private init(options: [String]) throws {
        self.options = options
        port = try Loopback.freePort()
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(TestStack.uniqueName("redis"))
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    /// Starts the server with its saved data. It may not answer at once.
    package func start() throws {
        let (shell, leash, report) = (Process(), Pipe(), Pipe())
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        let script = #"""
            trap '' PIPE HUP; redis-server "$@" >/dev/null 2>&1 & echo $!
            cat >/dev/null; kill -9 $! 2>/dev/null; wait
            """#
        let address = ["--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--dir", directory.path]
        shell.arguments = ["-c", script, "sh"] + address + options
        (shell.standardInput, shell.standardOutput) = (leash, report)
        try shell.run()
        let output = String(decoding: report.fileHandleForReading.availableData, as: UTF8.self)
        guard let server = pid_t(output.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw CocoaError(.executableLoad)
        }
        running.withLock { $0 = Running(shell: shell, leash: leash, server: server) }
    }

    /// Kills the server and returns when it has ended.
    package func kill() {
        guard let running = running.withLock({ $0.take() }) else { return }
        try? running.leash.fileHandleForWriting.close()
        running.shell.waitUntilExit()
    }

    /// Suspends the server: its sockets stay open without answers.
    package func pause() { signal(SIGSTOP) }
    package func resume() { signal(SIGCONT) }

    private func signal(_ number: CInt) { running.withLock { _ = $0.map { Foundation.kill($0.server, number) } } }

    private func remove() {
        kill()
        try? FileManager.default.removeItem(at: directory)
    }
}
