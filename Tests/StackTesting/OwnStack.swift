import Foundation
import TestSupport

/// A stack of servers and services of one test's own, which it may kill.
package struct OwnStack: Sendable {
    package let directory: String
    private let environment: [String: String]

    /// Starts a stack in a directory below that of the tests' own servers, lends it and stops it; its logs stay.
    ///
    /// However the tests end: `make test` stops what lies below its directory, also at its next start.
    ///
    /// - Parameters:
    ///   - environment: settings of the services, `MARTLET_IDGEN_LEASE_SECONDS` for example.
    ///   - instances: how many of each service; one of those that are not named.
    package static func with<Result>(
        environment: [String: String] = [:], instances: [String: Int] = [:], isolation: isolated (any Actor)? = #isolation,
        _ body: (OwnStack) async throws -> Result
    ) async throws -> Result {
        let directory = TestStack.value("STACK_DIRECTORY") + "/" + TestStack.uniqueName("own")
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let stack = OwnStack(
            directory: directory, environment: environment.merging(["MARTLET_BIN": TestStack.value("BIN")]) { $1 })
        do {
            try await stack.run("up")
            for (service, count) in instances { try await stack.scale(service, count) }
            let result = try await body(stack)
            try await stack.run("down")
            return result
        } catch {
            _ = try? await stack.run("down")
            throw error
        }
    }

    /// Runs a command of `stack.sh` and returns what it printed.
    @discardableResult
    package func run(_ arguments: String...) async throws -> String {
        try await Subprocess.run(TestStack.value("STACK_SCRIPT"), [directory] + arguments, environment: environment)
    }

    package func scale(_ service: String, _ count: Int) async throws { try await run("scale", service, "\(count)") }

    /// What the scripts made up for one of the servers: `redis.operator`.
    package func secret(_ name: String) throws -> String { try text("secrets/\(name)") }

    /// The process that works: `chats`, `chats-2`, `postgres`.
    package func processID(_ name: String) -> pid_t? { (try? text("run/\(name).pid")).flatMap { pid_t($0) } }

    /// Sends a signal to the process that works, or will in a moment, and returns its id.
    @discardableResult
    package func signal(_ name: String, _ signal: Int32) async throws -> pid_t {
        try await eventually("a process of \(name)") {
            processID(name).flatMap { id in kill(id, signal) == 0 ? id : nil }
        }
    }

    /// Returns once one instance of a service is ready.
    package func ready(_ service: String, _ instance: Int = 1) async throws {
        let management = try management(service, instance)
        _ = try await eventually("\(service) to be ready") {
            (try? await management.send("GET", "/readyz"))?.status == 200 ? true : nil
        }
    }

    /// Where something listens; instance k of a service listens 100·(k−1) above the first.
    ///
    /// - Parameter name: as in `config/settings`: `bff`, `chats_management`, `rabbitmq`.
    package func port(_ name: String, instance: Int = 1) throws -> Int {
        let prefix = "MARTLET_\(name.uppercased())_PORT="
        let line = try text("config/settings").split(separator: "\n").first { $0.hasPrefix(prefix) }
        guard let line, let port = Int(line.dropFirst(prefix.count)) else { throw NotYet(description: "\(name) has no port") }
        return port + 100 * (instance - 1)
    }

    /// The public API of one instance of the bff.
    package func api(_ instance: Int = 1) throws -> API { API(url: "http://127.0.0.1:\(try port("bff", instance: instance))") }

    /// The management port of one instance of a service.
    package func management(_ service: String, _ instance: Int = 1) throws -> API {
        API(url: "http://127.0.0.1:\(try port("\(service)_management", instance: instance))")
    }

    /// What one instance counts; `nil` while it has not begun to.
    ///
    /// - Parameter series: with its labels, as it stands in `/metrics`.
    package func metric(_ series: String, of service: String, _ instance: Int = 1) async throws -> Double? {
        let text = String(decoding: try await management(service, instance).send("GET", "/metrics").body, as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix(series + " ") }
        return line.flatMap { Double($0.dropFirst(series.count + 1)) }
    }

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(directory)/\(path)", encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
