import Foundation
import Synchronization

/// A Redis of one test's own, to be stopped, killed and started again. It listens on loopback and keeps its data in a directory that goes with it.
package final class OwnRedis: Sendable {
    /// A server and the shell that watches over it.
    private struct Running {
        let shell: Process
        /// Closed by the kernel when the tests die, however they die; then the shell kills the server.
        let leash: Pipe
        let server: pid_t
    }

    package let port: Int
    private let directory: URL
    private let options: [String]
    private let running = Mutex<Running?>(nil)

    /// Starts one, lends it, kills it.
    ///
    /// - Parameter options: of `redis-server`, `["--maxmemory", "2mb"]`.
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

    /// Starts it, with the data that it had saved. It may take a moment to answer.
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
        let said = String(decoding: report.fileHandleForReading.availableData, as: UTF8.self)
        guard let server = pid_t(said.trimmingCharacters(in: .whitespacesAndNewlines)) else { throw CocoaError(.executableLoad) }
        running.withLock { $0 = Running(shell: shell, leash: leash, server: server) }
    }

    /// SIGKILL; returns when it is dead.
    package func kill() {
        guard let running = running.withLock({ $0.take() }) else { return }
        try? running.leash.fileHandleForWriting.close()
        running.shell.waitUntilExit()
    }

    /// SIGSTOP: its sockets stay open, and nobody answers.
    package func pause() { signal(SIGSTOP) }
    package func resume() { signal(SIGCONT) }

    private func signal(_ number: CInt) { running.withLock { _ = $0.map { Foundation.kill($0.server, number) } } }

    private func remove() {
        kill()
        try? FileManager.default.removeItem(at: directory)
    }
}
