import Foundation
import Synchronization

/// A Redis of one test's own, to be stopped, killed and started again. It listens on loopback and keeps its data in a directory that goes with it.
package final class OwnRedis: Sendable {
    package let port: Int
    private let directory: URL
    private let options: [String]
    private let process = Mutex<Process?>(nil)

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
        port = try Self.freePort()
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(TestStack.uniqueName("redis"))
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    /// Starts it, with the data that it had saved. It may take a moment to answer.
    package func start() throws {
        let server = Process()
        server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        server.arguments =
            ["redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--dir", directory.path] + options
        server.standardOutput = FileHandle.nullDevice
        try server.run()
        process.withLock { $0 = server }
    }

    /// SIGKILL; returns when it is dead.
    package func kill() {
        guard let server = process.withLock({ $0.take() }) else { return }
        Foundation.kill(server.processIdentifier, SIGKILL)
        server.waitUntilExit()
    }

    /// SIGSTOP: its sockets stay open, and nobody answers.
    package func pause() { signal(SIGSTOP) }
    package func resume() { signal(SIGCONT) }

    private func signal(_ number: CInt) { process.withLock { _ = $0.map { Foundation.kill($0.processIdentifier, number) } } }

    private func remove() {
        kill()
        try? FileManager.default.removeItem(at: directory)
    }

    private static func freePort() throws -> Int {
        let socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        guard bound else { throw CocoaError(.fileWriteUnknown) }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
