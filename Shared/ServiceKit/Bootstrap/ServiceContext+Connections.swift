import AMQP
import Bus
import Contracts
import Logging
import Postgres
import Redis
import ServiceLifecycle

extension ServiceContext {
    /// Creates the connection pool of the service's database. Pass it to ``run(_:migrate:)``.
    package func postgres() throws -> PostgresPool {
        let pool = PostgresPool(try postgresConfiguration(), on: io, logger: logger)
        health.add("postgres", .dependency) { pool.isAvailable ? .up : .down("not connected") }
        return pool
    }

    /// Applies `migrations` over the direct address of the database.
    package func migrate(_ migrations: MigrationSet) async throws {
        _ = try await Migrator(migrations, try postgresConfiguration(), logger: logger).run()
    }

    private func postgresConfiguration() throws -> PostgresConfiguration {
        let settings = try PostgresSettings(self.settings, service: service)
        var configuration = PostgresConfiguration(
            host: settings.host, port: settings.port, database: settings.database, user: settings.user,
            password: settings.password?.reveal() ?? "")
        if settings.tls { configuration.tls = .verified(authorities: settings.certificateAuthority ?? Self.systemAuthorities) }
        configuration.directAddress = .init(host: settings.directHost, port: settings.directPort)
        configuration.namedStatements = settings.namedStatements
        configuration.applicationName = instance
        return configuration
    }

    /// The system certificate authorities on Debian and its derivatives.
    private static let systemAuthorities = "/etc/ssl/certs/ca-certificates.crt"

    /// Creates the bus of this service. Register procedures and queues before passing it to
    /// ``run(_:migrate:)``.
    package func bus() throws -> Bus {
        let configuration = BusConfiguration(
            service: ServiceName(rawValue: service), instance: instance, endpoint: try rabbitmqEndpoint())
        return Bus(configuration, on: io, logger: logger)
    }

    /// Creates the service that reports to the probes when `bus` has started, and then the state of the
    /// broker.
    ///
    /// Pass it to ``run(_:migrate:)`` after the bus.
    package func consuming(_ bus: Bus) -> some Service {
        BusMonitor(bus: bus, started: health.flag("bus", .startup), broker: health.flag("rabbitmq", .dependency))
    }

    /// The address of the broker and the credentials of this service.
    package func rabbitmqEndpoint() throws -> AMQPEndpoint {
        let settings = try RabbitMQSettings(self.settings, service: service)
        return AMQPEndpoint(
            host: settings.host, port: settings.port, vhost: settings.virtualHost, user: settings.user,
            password: settings.password.reveal(), tls: settings.tls ? AMQPTLS(authorities: settings.certificateAuthority) : nil,
            connectionName: instance)
    }

    /// Creates the connection to Redis. Pass it to ``run(_:migrate:)``.
    package func redis() throws -> RedisClient {
        let settings = try RedisSettings(self.settings, service: service)
        let client = RedisClient(
            RedisEndpoint(
                host: settings.host, port: settings.port, user: settings.user, password: settings.password?.reveal(),
                clientName: instance),
            on: io, logger: logger)
        health.add("redis", .dependency) { client.isAvailable ? .up : .down("not connected") }
        return client
    }
}

private struct BusMonitor: Service {
    let bus: Bus
    let started: HealthFlag
    let broker: HealthFlag

    func run() async throws {
        // A shutdown cancels the monitor, which is not an error.
        try? await cancelWhenGracefulShutdown {
            broker.set(.down("not connected yet"))
            try await bus.started()
            started.set(.up)
            while true {
                broker.set(await bus.isReady ? .up : .down("disconnected, unresponsive, or blocking publishers"))
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }
}
