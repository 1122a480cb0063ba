import Foundation
import Logging
import Metrics
import Reactor
import ServiceLifecycle
import TestSupport
import Testing

@testable import ServiceKit

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@Suite("The management port") struct ManagementServerTests {
    private let health = Health()
    private let registry = PrometheusRegistry()

    /// Runs the server on a free port until `body` returns.
    private func serving(
        live io: any TaskExecutor = sharedIO, within bound: Duration = .seconds(60), _ body: (URL) async throws -> Void
    ) async throws {
        let listening = Promise<Int>()
        let server = ManagementServer(
            host: "127.0.0.1", port: 0,
            probes: HealthProbes(
                service: "chats", instance: "chats-1", health: health, liveness: Liveness(io: io, bound: bound),
                started: .now),
            metrics: registry, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            onListening: { listening.fulfill($0) })
        let group = ServiceGroup(services: [server], logger: server.logger)
        async let life: Void = group.run()
        try await body(try #require(URL(string: "http://127.0.0.1:\(try await listening.value)")))
        await group.triggerGracefulShutdown()
        try await life
    }

    private struct Reply {
        let status: Int
        let type: String?
        let body: Data
        var object: [String: Any] { (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:] }
    }

    private func ask(_ url: URL, _ path: String, method: String = "GET") async throws -> Reply {
        var request = URLRequest(url: url.appending(path: path))
        request.httpMethod = method
        let (data, response) = try await URLSession.shared.data(for: request)
        let http = try #require(response as? HTTPURLResponse)
        return Reply(status: http.statusCode, type: http.value(forHTTPHeaderField: "Content-Type"), body: data)
    }

    @Test("probes respond with a status and with reasons in JSON")
    func probes() async throws {
        let consuming = health.flag("consuming", .startup)
        health.add("postgres", .dependency) { .down("connection refused") }
        try await serving { url in
            #expect(try await ask(url, "livez").status == 200)
            let starting = try await ask(url, "startupz")
            #expect(starting.status == 503)
            #expect(starting.type == "application/json")
            #expect(starting.object["reasons"] as? [String] == ["starting: consuming: not yet"])
            #expect(try await ask(url, "readyz").status == 503)
            consuming.set(.up)
            #expect(try await ask(url, "startupz").status == 200)
            let ready = try await ask(url, "readyz")
            #expect(ready.status == 200)
            let postgres = (ready.object["dependencies"] as? [String: [String: String]])?["postgres"]
            #expect(postgres == ["status": "down", "reason": "connection refused"])
            health.drain()
            let draining = try await ask(url, "readyz")
            #expect(draining.status == 503)
            #expect(draining.object["reasons"] as? [String] == ["draining"])
            #expect(try await ask(url, "livez").status == 200)
        }
    }

    @Test("the details show all components, including circuit breakers")
    func detail() async throws {
        let breaker = CircuitBreaker("redis")
        health.add("breaker.redis", .detail) { breaker.report }
        health.flag("lease", .own).set(.down("none free"))
        try await serving { url in
            let reply = try await ask(url, "healthz")
            #expect(reply.status == 200)
            #expect(reply.object["status"] as? String == "notReady")
            #expect(reply.object["service"] as? String == "chats")
            #expect(reply.object["instance"] as? String == "chats-1")
            #expect(reply.object["turnMicroseconds"] as? Int != nil)
            let details = reply.object["details"] as? [String: [String: Any]]
            #expect((details?["breaker.redis"]?["details"] as? [String: String])?["state"] == "closed")
        }
    }

    @Test("a stuck I/O thread fails the liveness probe, and the details are still served")
    func stuck() async throws {
        try await serving(live: StuckExecutor(), within: .milliseconds(200)) { url in
            let live = try await ask(url, "livez")
            #expect(live.status == 503)
            #expect(live.object["reasons"] as? [String] == ["the I/O thread does not respond"])
            #expect(try await ask(url, "healthz").object["turnMicroseconds"] == nil)
        }
    }

    @Test("metrics have the content type of the format")
    func metrics() async throws {
        Counter(label: "sends", factory: registry).increment()
        try await serving { url in
            let reply = try await ask(url, "metrics")
            #expect(reply.status == 200)
            #expect(reply.type == "text/plain; version=0.0.4; charset=utf-8")
            #expect(try ExpositionFormat(Array(reply.body))["sends_total"] == 1)
        }
    }

    @Test("other paths get 404 and other methods 405, in JSON")
    func others() async throws {
        try await serving { url in
            for path in ["", "nothing", "livez/x", "metricsx"] {
                let reply = try await ask(url, path)
                #expect(reply.status == 404, "\(path)")
                #expect(reply.object["status"] as? String == "notFound")
            }
            #expect(try await ask(url, "readyz", method: "POST").status == 405)
        }
    }

    @Test("the error for a port in use names the port and the variable that changes it")
    func taken() async throws {
        try await serving { url in
            let port = try #require(url.port)
            let second = ManagementServer(
                host: "127.0.0.1", port: port,
                probes: HealthProbes(
                    service: "x", instance: "x-1", health: health, liveness: Liveness(io: sharedIO), started: .now),
                metrics: registry, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                onListening: { _ in })
            let error = await #expect(throws: StartupError.self) { try await second.run() }
            #expect(error?.description.contains("127.0.0.1:\(port)") == true)
            #expect(error?.description.contains("MARTLET_MANAGEMENT_PORT") == true)
        }
    }
}
