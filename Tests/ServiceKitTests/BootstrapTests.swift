import Foundation
import Logging
import Metrics
import ServiceLifecycle
import Testing
import Tracing

@testable import ServiceKit

/// Each test starts a process and checks how it ends.
@Suite("The process of a service") struct BootstrapTests {
    @Test("SIGTERM ends a service with 0 after its services have stopped; all log lines are JSON")
    func terminated() async throws {
        let result = try await #require(processExitsWith: .exitCode(0), observing: [\.standardOutputContent]) {
            await Bootstrap.main("probe", arguments: [], environment: ["MARTLET_INSTANCE": "probe-1"]) { context in
                try await context.run([SelfTerminating(context: context)])
            }
        }
        let lines = String(decoding: result.standardOutputContent, as: UTF8.self).split(separator: "\n").filter {
            $0.hasPrefix("{")
        }
        let objects = lines.compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
        #expect(objects.count == lines.count)
        #expect(objects.allSatisfy { $0["service"] as? String == "probe" && $0["instance"] as? String == "probe-1" })
        #expect(objects.compactMap { $0["message"] as? String }.suffix(3) == ["shutdown started", "work finished", "stopped"])
        let traced = objects.first { $0["message"] as? String == "within a span" }
        #expect((traced?["traceId"] as? String)?.count == 32)
    }

    @Test("a wrong command line ends with 64, a wrong setting with 78; both name the mistake")
    func refused() async throws {
        let usage = try await #require(processExitsWith: .exitCode(64), observing: [\.standardErrorContent]) {
            await Bootstrap.main("probe", arguments: ["migrat"], environment: [:]) { _ in }
        }
        #expect(String(decoding: usage.standardErrorContent, as: UTF8.self).contains("Unexpected argument 'migrat'"))
        let setting = try await #require(processExitsWith: .exitCode(78), observing: [\.standardErrorContent]) {
            await Bootstrap.main("probe", arguments: [], environment: ["MARTLET_MANAGEMENT_PORT": "http"]) { _ in }
        }
        #expect(
            String(decoding: setting.standardErrorContent, as: UTF8.self).contains(
                "probe: MARTLET_MANAGEMENT_PORT is \"http\"; it must be"))
    }

    @Test("any other error ends with 1 and is logged")
    func failed() async throws {
        let result = try await #require(processExitsWith: .exitCode(1), observing: [\.standardOutputContent]) {
            await Bootstrap.main("probe", arguments: [], environment: ["MARTLET_POSTGRES_HSOT": "x"]) { _ in
                throw StartupError("no lease")
            }
        }
        let text = String(decoding: result.standardOutputContent, as: UTF8.self)
        #expect(text.contains(#""message":"stopped by an error""#))
        #expect(text.contains(#""error":"no lease""#))
        #expect(text.contains(#"{"variable":"MARTLET_POSTGRES_HSOT"}"#))
    }

    @Test("the help is printed on standard output and ends with 0")
    func help() async throws {
        let result = try await #require(processExitsWith: .exitCode(0), observing: [\.standardOutputContent]) {
            await Bootstrap.main("probe", arguments: ["--help"], environment: [:]) { _ in throw Failure() }
        }
        #expect(String(decoding: result.standardOutputContent, as: UTF8.self).contains("MARTLET_RABBITMQ_PASSWORD"))
    }
}

/// Sends SIGTERM to its own process, and runs until the shutdown.
private struct SelfTerminating: Service {
    let context: ServiceKit.ServiceContext
    func run() async throws {
        _ = try await context.managementPort
        withSpan("work") { _ in Logger(label: "work").info("within a span") }
        kill(getpid(), SIGTERM)
        try await gracefulShutdown()
        context.logger.info("work finished")
    }
}
