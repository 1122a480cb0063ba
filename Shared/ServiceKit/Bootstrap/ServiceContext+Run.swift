import Glibc
import Logging
import NIOCore
import Postgres
import ServiceLifecycle
import UnixSignals

extension ServiceContext {
    /// Lives the service's life: opens the management port, migrates, runs `services` until SIGTERM or SIGINT, and stops them in reverse.
    /// For the commands `migrate` and `dead-letters …` it does that instead, and runs nothing.
    ///
    /// - Parameters:
    ///   - services: in the order in which they depend on one another: what is used before what uses it.
    ///   - migrate: brings the database up to date; called before any of `services` runs, and alone for `<service> migrate`.
    /// - Throws: what a service threw; when it returns, everything in flight was finished or handed back.
    package func run(_ services: [any Service], migrate: (@Sendable () async throws -> Void)? = nil) async throws {
        switch command {
        case .serve: try await serve(services, migrate: migrate)
        case .migrate: try await migrateOnly(migrate)
        case .deadLetters(let command): say(try await run(command))
        case .custom(let command): throw UsageError("the command \(type(of: command)) is not implemented")
        }
    }

    /// Runs `services` for as long as `body` takes: for commands that do one thing and end.
    package func job<Result: Sendable>(_ services: [any Service], _ body: @Sendable () async throws -> Result) async throws
        -> Result
    {
        let group = ServiceGroup(services: services, gracefulShutdownSignals: [], logger: logger)
        async let life: Void = group.run()
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        await group.triggerGracefulShutdown()
        try await life
        return try result.get()
    }

    private func migrateOnly(_ migrate: (@Sendable () async throws -> Void)?) async throws {
        guard let migrate else { throw UsageError("\(service) has nothing to migrate") }
        try await whenReachable(within: .seconds(60), report: { _ in }, migrate)
        logger.info("migrated")
    }

    private func serve(_ services: [any Service], migrate: (@Sendable () async throws -> Void)?) async throws {
        let migrated = health.flag("migrations", .startup, initially: migrate == nil ? .up : .down("not applied yet"))
        let lastResort = LastResort()
        defer { lastResort.disarm() }
        let life = ServiceLife(
            context: self, services: services, migrate: migrate, migrated: migrated,
            drainer: Drainer(health: health, bounds: stop, logger: logger, lastResort: lastResort), logger: logger)
        var configuration = ServiceGroupConfiguration(
            services: [.init(service: management, serviceName: "management"), .init(service: life, serviceName: service)],
            logger: logger)
        configuration.gracefulShutdownSignals = [.sigterm, .sigint]
        configuration.maximumGracefulShutdownDuration = stop.delay + stop.limit
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            // The management port names itself; what else listens is an edge's public port.
            let http = try HTTPSettings(settings)
            throw StartError(error, host: http.host, port: http.port, setting: HTTPSettings.port.variable)
        } catch is CancellationError where health.isDraining {
            logger.warning("what was in flight was abandoned after its time")
        }
    }
}

extension ServiceContext {
    /// Tries again while the database cannot be reached.
    ///
    /// - Parameter patience: gives up then, throwing the last error; `nil` never does.
    func whenReachable(
        within patience: Duration?, report: (String) -> Void, _ migrate: @Sendable () async throws -> Void
    ) async throws {
        let begin = ContinuousClock.now
        var told = ""
        while true {
            do { return try await migrate() } catch MigrationError.unavailable(let reason) {
                if let patience, begin.duration(to: .now) > patience { throw MigrationError.unavailable(reason) }
                report(reason)
                if reason != told { logger.warning("the database cannot be reached yet", metadata: ["reason": "\(reason)"]) }
                told = reason
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }
}

/// Everything of a service behind its management port: migrations first, then the services.
private struct ServiceLife: Service {
    let context: ServiceContext
    let services: [any Service]
    let migrate: (@Sendable () async throws -> Void)?
    let migrated: HealthFlag
    let drainer: Drainer
    let logger: Logger

    func run() async throws {
        if let migrate {
            do {
                try await cancelWhenGracefulShutdown {
                    _ = try await context.managementPort
                    try await context.whenReachable(within: nil, report: { migrated.set(.down($0)) }, migrate)
                }
            } catch  where Task.isShuttingDownGracefully {
                return  // told to stop while migrating: the next start goes on
            }
            logger.info("migrated")
        }
        migrated.set(.up)
        // The last is stopped first: it makes the process not ready, then the others stop taking work.
        try await ServiceGroup(services: services + [drainer], logger: logger).run()
    }
}
