import Foundation
import Logging
import NIOCore
import Postgres
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

@Suite("The life of a service") struct ServiceLifeTests {
    private let log = EventLog()

    private func context(_ command: ServiceCommand = .serve, _ environment: [String: String] = [:]) async throws -> ServiceContext
    {
        let settings = try await Settings.load(environment: ["MARTLET_LOG_LEVEL": "critical"].merging(environment) { $1 })
        return try ServiceContext(service: "probe", command: command, settings: settings, output: LineRecorder())
    }

    /// Runs `services` in a group that stops when `body` returns.
    private func living(
        _ context: ServiceContext, services: [any Service], migrate: (@Sendable () async throws -> Void)? = nil,
        _ body: (ServiceGroup) async throws -> Void
    ) async throws {
        let group = ServiceGroup(services: [Life(context: context, services: services, migrate: migrate)], logger: context.logger)
        async let life: Void = group.run()
        do { try await body(group) } catch {
            await group.triggerGracefulShutdown()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await life
    }

    @Test("migrations run first, services stop in reverse order, and the process is unready before they stop")
    func order() async throws {
        let context = try await context()
        let services = ["pool", "bus", "chats"].map { RecordingService(name: $0, log: log, health: context.health) }
        try await living(context, services: services, migrate: { [log] in log.record("migrate") }) { _ in
            await log.waitFor(4)
            #expect(context.health.notStartedReasons.isEmpty)
        }
        let events = log.events
        #expect(events.first == "migrate")
        #expect(Set(events[1...3]) == ["pool begins", "bus begins", "chats begins"])
        #expect(events[4...] == ["chats ends, draining", "bus ends, draining", "pool ends, draining"])
    }

    @Test("the probes respond during the migrations, and report them")
    func migrating() async throws {
        let (context, gate) = (try await context(), Gate())
        try await living(
            context, services: [RecordingService(name: "chats", log: log, health: context.health)], migrate: { await gate.pass() }
        ) { _ in
            _ = try await context.managementPort
            await gate.waitForArrivals(1)
            #expect(context.health.notStartedReasons == ["starting: migrations: not applied yet"])
            #expect(log.events.isEmpty)
            gate.open()
            await log.waitFor(1)
            #expect(context.health.notStartedReasons.isEmpty)
        }
    }

    @Test("a shutdown during the migrations starts no service")
    func stopWhileMigrating() async throws {
        let context = try await context()
        let begun = Gate()
        try await living(
            context, services: [RecordingService(name: "chats", log: log, health: context.health)],
            migrate: {
                await withTaskCancellationHandler {
                    await begun.pass()
                } onCancel: {
                    begun.open()
                }
                try Task.checkCancellation()
            }
        ) { _ in await begun.waitForArrivals(1) }
        #expect(log.events.isEmpty)
    }

    @Test("the start waits for an unreachable database, and the probes report the reason")
    func databaseAway() async throws {
        let (context, tries) = (try await context(), EventLog())
        try await living(
            context, services: [RecordingService(name: "chats", log: log, health: context.health)],
            migrate: {
                tries.record("try")
                if tries.events.count < 2 { throw MigrationError.unavailable("connection refused") }
                #expect(context.health.notStartedReasons == ["starting: migrations: connection refused"])
            }
        ) { _ in await log.waitFor(1) }
        #expect(tries.events.count == 2)
    }

    @Test("without its management port, a service neither migrates nor starts")
    func portTaken() async throws {
        let first = try await context()
        try await living(first, services: [RecordingService(name: "first", log: EventLog(), health: first.health)]) { _ in
            let second = try await context(.serve, ["MARTLET_MANAGEMENT_PORT": "\(try await first.managementPort)"])
            await #expect(throws: StartupError.self) {
                try await second.run(
                    [RecordingService(name: "second", log: log, health: second.health)],
                    migrate: { [log] in log.record("migrate") })
            }
            #expect(log.events == [])
        }
    }

    @Test("the error for a public port in use names the port and the variable that changes it")
    func publicPortTaken() async throws {
        let context = try await context(.serve, ["MARTLET_HTTP_PORT": "8081"])
        let error = await #expect(throws: StartupError.self) { try await context.run([PortTaken()]) }
        #expect(error?.description.hasPrefix("cannot listen on 127.0.0.1:8081: another process uses this port") == true)
        #expect(error?.description.contains("MARTLET_HTTP_PORT") == true)
    }

    @Test("a failed migration ends the process with its error")
    func failedMigration() async throws {
        let context = try await context()
        await #expect(throws: Failure.self) { try await context.run([], migrate: { throw Failure() }) }
    }

    @Test("a failed service ends all others with its error")
    func failedService() async throws {
        let context = try await context()
        await #expect(throws: Failure.self) {
            try await context.run([RecordingService(name: "pool", log: log, health: context.health), Failing()])
        }
    }

    @Test("work in flight is abandoned at the limit, and the shutdown still succeeds")
    func abandoned() async throws {
        let context = try await context(.serve, ["MARTLET_STOP_LIMIT": "1"])
        try await living(context, services: [Lingering(log: log)]) { _ in await log.waitFor(1) }
        #expect(log.events == ["lingering begins", "lingering was cancelled"])
    }

    @Test("migrate applies the migrations and runs no service")
    func migrateOnly() async throws {
        let context = try await context(.migrate)
        try await context.run([Failing()], migrate: { [log] in log.record("migrate") })
        #expect(log.events == ["migrate"])
        await #expect(throws: UsageError.self) { try await context.run([Failing()]) }
    }

    @Test("a job returns its result or throws its error, and the services end in both cases")
    func job() async throws {
        let context = try await context()
        #expect(try await context.job([RecordingService(name: "pool", log: log, health: context.health)]) { 7 } == 7)
        await #expect(throws: Failure.self) {
            try await context.job([RecordingService(name: "bus", log: log, health: context.health)]) { throw Failure() }
        }
        #expect(log.events.filter { $0.contains("ends") }.count == 2)
    }

    @Test("the metrics report the build, readiness and components")
    func metrics() async throws {
        let context = try await context()
        context.health.add("postgres", .dependency) { .degraded("slow") }
        _ = context.breaker("redis")
        _ = context.admission("loads", limit: 1, queue: 1, wait: .seconds(1))
        let text = try ExpositionFormat(context.metrics.render())
        #expect(text["martlet_build_info", ["service": "probe", "version": MartletVersion.current]] == 1)
        #expect(text["martlet_ready"] == 1)
        #expect(text["martlet_component_up", ["component": "postgres"]] == 0.5)
        #expect(text["martlet_circuit_breaker_state", ["breaker": "redis"]] == 0)
        #expect(text["martlet_admission_running", ["gate": "loads"]] == 0)
        #expect(text["process_resident_memory_bytes"] != nil)
    }
}

// MARK: Doubles

/// Records events in order.
private final class EventLog: Sendable {
    private struct State {
        var events: [String] = []
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())
    var events: [String] { state.withLock { $0.events } }

    func record(_ text: String) {
        let ready = state.withLock { state in
            state.events.append(text)
            let count = state.events.count
            defer { state.watchers.removeAll { $0.count <= count } }
            return state.watchers.filter { $0.count <= count }.map(\.continuation)
        }
        for watcher in ready { watcher.resume() }
    }

    func waitFor(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let already = state.withLock { state in
                if state.events.count >= count { return true }
                state.watchers.append((count, continuation))
                return false
            }
            if already { continuation.resume() }
        }
    }
}

private struct Life: Service {
    let context: ServiceContext
    let services: [any Service]
    let migrate: (@Sendable () async throws -> Void)?
    func run() async throws { try await context.run(services, migrate: migrate) }
}

private struct RecordingService: Service {
    let name: String
    let log: EventLog
    let health: Health
    func run() async throws {
        log.record("\(name) begins")
        try? await gracefulShutdown()
        log.record("\(name) ends, \(health.isDraining ? "draining" : "serving")")
    }
}

private struct Failing: Service {
    func run() async throws { throw Failure() }
}

/// Fails like a server whose port is in use.
private struct PortTaken: Service {
    func run() async throws { throw IOError(errnoCode: EADDRINUSE, reason: "bind") }
}

private struct Lingering: Service {
    let log: EventLog
    func run() async throws {
        log.record("lingering begins")
        let gate = Gate()
        await withTaskCancellationHandler {
            await gate.pass()
        } onCancel: {
            gate.open()
        }
        log.record("lingering was cancelled")
        throw CancellationError()
    }
}
