import Foundation
import TestSupport

/// A stack of servers and services of one test, which the test may break.
package struct OwnStack: Sendable {
    package let directory: String
    private let environment: [String: String]

    /// Starts a stack, runs `body`, and stops the stack. Its logs remain, in a directory below the test
    /// servers' own.
    ///
    /// `make test` stops all stacks below its directory, also those of an earlier run, in case a test run
    /// crashes.
    ///
    /// - Parameters:
    ///   - environment: settings of the services, for example `MARTLET_IDGEN_LEASE_SECONDS`.
    ///   - instances: the number of instances per service; one by default.
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

    /// Runs a command of `stack.sh` and returns its output.
    @discardableResult
    package func run(_ arguments: String...) async throws -> String {
        try await Subprocess.run(TestStack.value("STACK_SCRIPT"), [directory] + arguments, environment: environment)
    }

    package func scale(_ service: String, _ count: Int) async throws { try await run("scale", service, "\(count)") }

    /// Returns a generated secret of one of the servers, for example `redis.operator`.
    package func secret(_ name: String) throws -> String { try text("secrets/\(name)") }

    /// The process id of an instance or server: `chats`, `chats-2`, `postgres`; `nil` while it does not run.
    package func processID(_ name: String) -> pid_t? { (try? text("run/\(name).pid")).flatMap { pid_t($0) } }

    /// Sends a signal to a process, after waiting for it to run, and returns its id.
    @discardableResult
    package func signal(_ name: String, _ signal: Int32) async throws -> pid_t {
        try await eventually("a process of \(name)") {
            processID(name).flatMap { id in kill(id, signal) == 0 ? id : nil }
        }
    }

    /// Waits until one instance of a service is ready.
    package func ready(_ service: String, _ instance: Int = 1) async throws {
        let management = try management(service, instance)
        _ = try await eventually("\(service) to be ready") {
            (try? await management.send("GET", "/readyz"))?.status == 200 ? true : nil
        }
    }

    /// Returns a port. Instance k of a service listens 100·(k−1) above the first.
    ///
    /// - Parameter name: a name in `config/settings`: `bff`, `chats_management`, `rabbitmq`.
    package func port(_ name: String, instance: Int = 1) throws -> Int {
        let prefix = "MARTLET_\(name.uppercased())_PORT="
        let line = try text("config/settings").split(separator: "\n").first { $0.hasPrefix(prefix) }
        guard let line, let port = Int(line.dropFirst(prefix.count)) else { throw NotYet(description: "\(name) has no port") }
        return port + 100 * (instance - 1)
    }

    /// Returns a client for the public API of one bff instance.
    package func api(_ instance: Int = 1) throws -> API { API(url: "http://127.0.0.1:\(try port("bff", instance: instance))") }

    /// Returns a client for the management port of one instance of a service.
    package func management(_ service: String, _ instance: Int = 1) throws -> API {
        API(url: "http://127.0.0.1:\(try port("\(service)_management", instance: instance))")
    }

    /// Returns a metric of one instance; `nil` before its first value.
    ///
    /// - Parameter series: the name with labels, as in `/metrics`.
    package func metric(_ series: String, of service: String, _ instance: Int = 1) async throws -> Double? {
        let text = String(decoding: try await management(service, instance).send("GET", "/metrics").body, as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix(series + " ") }
        return line.flatMap { Double($0.dropFirst(series.count + 1)) }
    }

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(directory)/\(path)", encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
