import Foundation
import TestSupport
import Testing

/// A stack of servers and services of one test's own, which it may kill.
struct OwnStack: Sendable {
    let directory: String
    let api: API

    /// Starts a stack in an empty directory, lends it, stops it and removes it.
    ///
    /// - Parameter environment: settings of the services, `MARTLET_IDGEN_LEASE_SECONDS` for example.
    static func with(
        environment: [String: String] = [:], isolation: isolated (any Actor)? = #isolation,
        _ body: (OwnStack) async throws -> Void
    ) async throws {
        let directory = TestStack.value("STACK_DIRECTORY") + "/" + TestStack.uniqueName("own")
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        do {
            try await run(directory, "up", environment: environment.merging(["MARTLET_BIN": TestStack.value("BIN")]) { $1 })
            try await body(OwnStack(directory: directory, api: API(url: try await bffURL(directory))))
        } catch {
            _ = try? await run(directory, "down")
            throw error
        }
        try await run(directory, "down")
        try FileManager.default.removeItem(atPath: directory)
    }

    @discardableResult
    func scale(_ service: String, _ count: Int) async throws -> String {
        try await Self.run(directory, "scale", service, "\(count)")
    }

    /// The process that works: `chats`, `chats-2`, `postgres`.
    func processID(_ name: String) -> pid_t? {
        let text = try? String(contentsOfFile: "\(directory)/run/\(name).pid", encoding: .utf8)
        return text.flatMap { pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    func signal(_ name: String, _ signal: Int32) throws {
        let id = try #require(processID(name), "\(name) has no pid file")
        kill(id, signal)
    }

    @discardableResult
    private static func run(_ directory: String, _ arguments: String..., environment: [String: String] = [:]) async throws
        -> String
    {
        // Through a file: what the script starts keeps its output open, and a pipe would never end.
        let keep = #""$0" "$@" >"$OUTPUT" 2>&1; result=$?; cat "$OUTPUT"; exit $result"#
        return try await Subprocess.run(
            "/bin/bash", ["-c", keep, TestStack.value("STACK_SCRIPT"), directory] + arguments,
            environment: environment.merging(["OUTPUT": "\(directory).\(arguments.first ?? "").out"]) { $1 })
    }

    private static func bffURL(_ directory: String) async throws -> String {
        let lines = try await run(directory, "env").split(separator: "\n")
        let line = try #require(lines.first { $0.hasPrefix("export MARTLET_TEST_BFF_URL=") })
        return String(line.dropFirst("export MARTLET_TEST_BFF_URL=".count))
    }
}
