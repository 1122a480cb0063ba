import Glibc
import Logging
import NIOCore
import Postgres
import ServiceLifecycle
import UnixSignals

extension ServiceContext {
    /// Runs the command: by default opens the management port, migrates, and runs `services` until SIGTERM or
    /// SIGINT.
    ///
    /// At shutdown the services stop in reverse order. The commands `migrate` and `dead-letters …` run no
    /// services.
    ///
    /// - Parameters:
    ///   - services: in dependency order: a service stands after those that it uses.
    ///   - migrate: migrates the database; called before `services` run, and alone for `<service> migrate`.
    /// - Throws: the error of a service. After a normal return, work in flight has finished or was handed
    ///   back.
    package func run(_ services: [any Service], migrate: (@Sendable () async throws -> Void)? = nil) async throws {
        switch command {
        case .serve: try await serve(services, migrate: migrate)
        case .migrate: try await migrateOnly(migrate)
        case .deadLetters(let command): printResult(try await run(command))
        case .custom(let command): throw UsageError("the command \(type(of: command)) is not implemented")
        }
    }

    /// Runs `services` while `body` runs. For commands that do one job and exit.
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
        guard let migrate else { throw UsageError("\(service) has no migrations") }
        try await whenReachable(within: .seconds(60), report: { _ in }, migrate)
        logger.info("migrations applied")
    }

    private func serve(_ services: [any Service], migrate: (@Sendable () async throws -> Void)?) async throws {
        let migrated = health.flag("migrations", .startup, initially: migrate == nil ? .up : .down("not applied yet"))
        let watchdog = ShutdownWatchdog()
        defer { watchdog.disarm() }
        let life = ServiceLife(
            context: self, services: services, migrate: migrate, migrated: migrated,
            coordinator: ShutdownCoordinator(health: health, limits: shutdownLimits, logger: logger, watchdog: watchdog),
            logger: logger)
        var configuration = ServiceGroupConfiguration(
            services: [.init(service: management, serviceName: "management"), .init(service: life, serviceName: service)],
            logger: logger)
        configuration.gracefulShutdownSignals = [.sigterm, .sigint]
        configuration.maximumGracefulShutdownDuration = shutdownLimits.delay + shutdownLimits.limit
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            // The management server throws a StartupError, so this is the public port of an edge.
            let http = try HTTPSettings(settings)
            throw StartupError(error, host: http.host, port: http.port, setting: HTTPSettings.port.variable)
        } catch is CancellationError where health.isDraining {
            logger.warning("work in flight abandoned at the shutdown limit")
        }
    }
}

extension ServiceContext {
    /// Runs `migrate`, and retries while the database is unreachable.
    ///
    /// - Parameters:
    ///   - limit: the time after which the last error is thrown; `nil` retries forever.
    ///   - report: called with the reason after each failed attempt.
    func whenReachable(
        within limit: Duration?, report: (String) -> Void, _ migrate: @Sendable () async throws -> Void
    ) async throws {
        let begin = ContinuousClock.now
        var loggedReason = ""
        while true {
            do { return try await migrate() } catch MigrationError.unavailable(let reason) {
                if let limit, begin.duration(to: .now) > limit { throw MigrationError.unavailable(reason) }
                report(reason)
                if reason != loggedReason { logger.warning("database unreachable", metadata: ["reason": "\(reason)"]) }
                loggedReason = reason
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }
}

/// All of a service except the management port: migrations first, then the services.
private struct ServiceLife: Service {
    let context: ServiceContext
    let services: [any Service]
    let migrate: (@Sendable () async throws -> Void)?
    let migrated: HealthFlag
    let coordinator: ShutdownCoordinator
    let logger: Logger

    func run() async throws {
        if let migrate {
            do {
                try await cancelWhenGracefulShutdown {
                    _ = try await context.managementPort
                    try await context.whenReachable(within: nil, report: { migrated.set(.down($0)) }, migrate)
                }
            } catch  where Task.isShuttingDownGracefully {
                return  // shutdown during the migrations: the next start resumes them
            }
            logger.info("migrations applied")
        }
        migrated.set(.up)
        // The group stops its last service first, so the process becomes unready before the others stop.
        try await ServiceGroup(services: services + [coordinator], logger: logger).run()
    }
}

/// A reason why a service cannot start, with the remedy.
package struct StartupError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }

    /// The error of a port that could not be opened.
    ///
    /// - Parameter setting: the variable that selects another port.
    package init(_ error: IOError, host: String, port: Int, setting: String) {
        let reason = error.errnoCode == EADDRINUSE ? "another process uses this port" : "\(error)"
        self.init("cannot listen on \(host):\(port): \(reason); end that process, or set \(setting) to another port")
    }
}
