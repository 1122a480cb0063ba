import Bus
import Contracts
import Foundation
import Logging
import Postgres
import PostgresTesting
import ServiceLifecycle
import Synchronization
import TestSupport

@testable import Config
@testable import ServiceKit

/// Processes of `config` and of its readers on a virtual host and a schema of one test, wired as their mains
/// do.
struct ConfigWorld: Sendable {
    let host: VirtualHost
    let database: PostgresPool

    static func with(_ body: (ConfigWorld) async throws -> Void) async throws {
        try await VirtualHost.with { host async throws in
            try await prepare(host)
            try await TestDatabase.migrated(try ConfigMigrations.all()) { database in
                try await body(ConfigWorld(host: host, database: database))
            }
            try await VirtualHost.management("DELETE", "users/\(host.name)")
        }
    }

    /// Creates the exchanges, and a user that may act as any service.
    private static func prepare(_ host: VirtualHost) async throws {
        try await VirtualHost.management("PUT", "users/\(host.name)", body: #"{"password":"bus","tags":"impersonator"}"#)
        try await VirtualHost.management(
            "PUT", "permissions/\(host.name)/\(host.name)", body: #"{"configure":".*","write":".*","read":".*"}"#)
        try await host.makeExchanges()
    }

    func context(_ service: String, _ instance: Int = 1, environment: [String: String] = [:]) async throws -> ServiceContext {
        let rabbitmq = TestStack.rabbitmq
        let settings = try await Settings.load(
            environment: [
                "MARTLET_LOG_LEVEL": "critical", "MARTLET_INSTANCE": "\(service)-\(instance)",
                "MARTLET_RABBITMQ_HOST": rabbitmq.host, "MARTLET_RABBITMQ_PORT": "\(rabbitmq.port)",
                "MARTLET_RABBITMQ_USER": host.name, "MARTLET_RABBITMQ_PASSWORD": "bus", "MARTLET_RABBITMQ_VHOST": host.name,
            ].merging(environment) { $1 })
        return try ServiceContext(service: service, command: .serve, settings: settings, output: NoLines())
    }

    /// Runs one process of `config` during `body`.
    func config(
        _ instance: Int = 1, schemas: [SectionSchema] = Sections.all, _ body: () async throws -> Void
    ) async throws {
        let context = try await context("config", instance)
        let bus = try context.bus()
        let store = SectionStore(database: database)
        SectionService(store, schemas: schemas, logger: context.logger) { try? await bus.broadcast($0) }.serve(on: bus)
        try await running([bus]) {
            try await bus.started()
            try await body()
        }
    }

    /// Runs one process of another service during `body`.
    func reader(
        _ service: String, environment: [String: String] = [:], clock: any Clock<Duration> = ContinuousClock(),
        _ body: (Reader) async throws -> Void
    ) async throws {
        let context = try await context(service, environment: environment)
        let bus = try context.bus()
        let dynamic = try context.dynamic(bus, clock: clock)
        let reader = Reader(context: context, bus: bus, pages: try dynamic.current(PageSizes.self))
        try await running([bus, dynamic]) {
            try await bus.started()
            try await body(reader)
        }
    }

    struct Reader: Sendable {
        let context: ServiceContext
        let bus: Bus
        let pages: CurrentValue<PageSizes>

        var report: ComponentReport? { context.health.reports()["configuration"] }

        /// Changes a section as an admin does through the edge.
        func set(_ values: [String: SettingValue], version: Int64, of section: String = "pageSizes") async throws -> ConfigSection
        {
            try await bus.call(SetSection(section: section, version: version, values: values, userID: UserID(rawValue: 5)))
        }

        func runs(with version: Int) async throws {
            _ = try await eventually("version \(version)") {
                report?.details?["pageSizes"]?.hasPrefix("version \(version)") == true ? true : nil
            }
        }

        /// Returns once the reader runs with the first version and waits for notices. The clock stands still
        /// from then on.
        func begins(_ clock: ManualClock) async throws {
            _ = try await eventually("the first version") {
                if report?.details?["pageSizes"] == "version 1" { return true }
                // Its first reads may have failed before it was connected.
                clock.advance(by: .milliseconds(250))
                return nil
            }
            await clock.waitForSleepers(1)
        }
    }

    /// Closes a connection, such as `bff-1 events`, as a restart of the broker does.
    func closeConnection(_ name: String) async throws {
        struct Connection: Decodable {
            let name: String
            let ownName: String?
            enum CodingKeys: String, CodingKey {
                case name
                case ownName = "user_provided_name"
            }
        }
        try await eventually("a connection named \(name)") {
            let data = try await VirtualHost.management("GET", "vhosts/\(host.name)/connections")
            let found = try JSONDecoder().decode([Connection].self, from: data).filter { $0.ownName == name }
            for connection in found {
                let path = connection.name.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
                _ = try? await VirtualHost.management("DELETE", "connections/\(path)")
            }
            return found.isEmpty ? nil : ()
        }
    }

    private func running(_ services: [any Service], _ body: () async throws -> Void) async throws {
        let group = ServiceGroup(services: services, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let life = Task.detached { try await group.run() }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        await group.triggerGracefulShutdown()
        try await life.value
        try result.get()
    }
}

private struct NoLines: LogOutput {
    func write(_ line: [UInt8], soon: Bool) {}
}
