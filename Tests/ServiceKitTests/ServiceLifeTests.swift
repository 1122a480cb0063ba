import Foundation
import Logging
import NIOCore
import Postgres
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

@Suite struct ServiceLifeTests {
    private let journal = Journal()

    private func context(_ command: ServiceCommand = .serve, _ environment: [String: String] = [:]) async throws -> ServiceContext
    {
        let settings = try await Settings.load(environment: ["MARTLET_LOG_LEVEL": "critical"].merging(environment) { $1 })
        return try ServiceContext(service: "probe", command: command, settings: settings, output: KeptLines())
    }

    /// Runs `context` with `services` inside a group that `body` may stop.
    private func living(
        _ context: ServiceContext, _ services: [any Service], migrate: (@Sendable () async throws -> Void)? = nil,
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

    @Test("migrations come before the services, which stop in reverse; not being ready comes before all stopping")
    func order() async throws {
        let context = try await context()
        let services = ["pool", "bus", "chats"].map { Noted(name: $0, journal: journal, health: context.health) }
        try await living(context, services, migrate: { [journal] in journal.note("migrate") }) { _ in
            await journal.waitFor(4)
            #expect(context.health.missing.isEmpty)
        }
        let notes = journal.notes
        #expect(notes.first == "migrate")
        #expect(Set(notes[1...3]) == ["pool begins", "bus begins", "chats begins"])
        #expect(notes[4...] == ["chats ends, draining", "bus ends, draining", "pool ends, draining"])
    }

    @Test("the probes answer while the migrations run, and tell that they do")
    func migrating() async throws {
        let (context, gate) = (try await context(), Gate())
        try await living(
            context, [Noted(name: "chats", journal: journal, health: context.health)], migrate: { await gate.pass() }
        ) { _ in
            _ = try await context.managementPort
            await gate.waitForArrivals(1)
            #expect(context.health.missing == ["starting: migrations: not applied yet"])
            #expect(journal.notes.isEmpty)
            gate.open()
            await journal.waitFor(1)
            #expect(context.health.missing.isEmpty)
        }
    }

    @Test("told to stop while it migrates, it stops without starting anything")
    func stopWhileMigrating() async throws {
        let context = try await context()
        let begun = Gate()
        try await living(
            context, [Noted(name: "chats", journal: journal, health: context.health)],
            migrate: {
                await withTaskCancellationHandler {
                    await begun.pass()
                } onCancel: {
                    begun.open()
                }
                try Task.checkCancellation()
            }
        ) { _ in await begun.waitForArrivals(1) }
        #expect(journal.notes.isEmpty)
    }

    @Test("a database that cannot be reached yet is waited for, and the probes say why")
    func databaseAway() async throws {
        let (context, tries) = (try await context(), Journal())
        try await living(
            context, [Noted(name: "chats", journal: journal, health: context.health)],
            migrate: {
                tries.note("try")
                if tries.notes.count < 2 { throw MigrationError.unavailable("connection refused") }
                #expect(context.health.missing == ["starting: migrations: connection refused"])
            }
        ) { _ in await journal.waitFor(1) }
        #expect(tries.notes.count == 2)
    }

    @Test("without its management port a service neither migrates nor begins")
    func portTaken() async throws {
        let first = try await context()
        try await living(first, [Noted(name: "first", journal: Journal(), health: first.health)]) { _ in
            let second = try await context(.serve, ["MARTLET_MANAGEMENT_PORT": "\(try await first.managementPort)"])
            await #expect(throws: StartError.self) {
                try await second.run(
                    [Noted(name: "second", journal: journal, health: second.health)],
                    migrate: { [journal] in journal.note("migrate") })
            }
            #expect(journal.notes == [])
        }
    }

    @Test("an edge whose public port is taken names it, with the variable that changes it")
    func publicPortTaken() async throws {
        let context = try await context(.serve, ["MARTLET_HTTP_PORT": "8081"])
        let error = await #expect(throws: StartError.self) { try await context.run([PortTaken()]) }
        #expect(error?.description.hasPrefix("cannot listen on 127.0.0.1:8081: another process has this port") == true)
        #expect(error?.description.contains("MARTLET_HTTP_PORT") == true)
    }

    @Test("a failed migration ends the service with its error")
    func failedMigration() async throws {
        let context = try await context()
        await #expect(throws: Failure.self) { try await context.run([], migrate: { throw Failure() }) }
    }

    @Test("a service that fails ends them all with its error")
    func failedService() async throws {
        let context = try await context()
        await #expect(throws: Failure.self) {
            try await context.run([Noted(name: "pool", journal: journal, health: context.health), Failing()])
        }
    }

    @Test("what is in flight is abandoned after its time, and the stop is still a good one")
    func abandoned() async throws {
        let context = try await context(.serve, ["MARTLET_STOP_LIMIT": "1"])
        try await living(context, [Lingering(journal: journal)]) { _ in await journal.waitFor(1) }
        #expect(journal.notes == ["lingering begins", "lingering was cancelled"])
    }

    @Test("migrate applies the migrations, and runs nothing")
    func migrateOnly() async throws {
        let context = try await context(.migrate)
        try await context.run([Failing()], migrate: { [journal] in journal.note("migrate") })
        #expect(journal.notes == ["migrate"])
        await #expect(throws: UsageError.self) { try await context.run([Failing()]) }
    }

    @Test("a job's result comes back, its error too, and the services end either way")
    func job() async throws {
        let context = try await context()
        #expect(try await context.job([Noted(name: "pool", journal: journal, health: context.health)]) { 7 } == 7)
        await #expect(throws: Failure.self) {
            try await context.job([Noted(name: "bus", journal: journal, health: context.health)]) { throw Failure() }
        }
        #expect(journal.notes.filter { $0.contains("ends") }.count == 2)
    }

    @Test("the metrics tell the build, the state and the components")
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

/// What happened, in order.
private final class Journal: Sendable {
    private struct State {
        var notes: [String] = []
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())
    var notes: [String] { state.withLock { $0.notes } }

    func note(_ text: String) {
        let ready = state.withLock { state in
            state.notes.append(text)
            let count = state.notes.count
            defer { state.watchers.removeAll { $0.count <= count } }
            return state.watchers.filter { $0.count <= count }.map(\.continuation)
        }
        for watcher in ready { watcher.resume() }
    }

    func waitFor(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let already = state.withLock { state in
                if state.notes.count >= count { return true }
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

private struct Noted: Service {
    let name: String
    let journal: Journal
    let health: Health
    func run() async throws {
        journal.note("\(name) begins")
        try? await gracefulShutdown()
        journal.note("\(name) ends, \(health.isDraining ? "draining" : "serving")")
    }
}

private struct Failing: Service {
    func run() async throws { throw Failure() }
}

/// As a server ends that cannot bind.
private struct PortTaken: Service {
    func run() async throws { throw IOError(errnoCode: EADDRINUSE, reason: "bind") }
}

private struct Lingering: Service {
    let journal: Journal
    func run() async throws {
        journal.note("lingering begins")
        let gate = Gate()
        await withTaskCancellationHandler {
            await gate.pass()
        } onCancel: {
            gate.open()
        }
        journal.note("lingering was cancelled")
        throw CancellationError()
    }
}
