import AMQP
import Bus
import Contracts
import Logging
import Postgres
import Redis
import ServiceLifecycle

extension ServiceContext {
    /// The pool of the service's own database. Give it to ``run(_:migrate:)``.
    package func postgres() throws -> PostgresPool {
        let pool = PostgresPool(try postgresConfiguration(), on: io, logger: logger)
        health.add("postgres", .dependency) { pool.isAvailable ? .up : .down("not connected") }
        return pool
    }

    /// Brings the database up to date, over its direct address.
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

    /// Where Debian and its kin keep the authorities that the system trusts.
    private static let systemAuthorities = "/etc/ssl/certs/ca-certificates.crt"

    /// The bus, as this service. Register what is served before giving it to ``run(_:migrate:)``.
    package func bus() throws -> Bus {
        let configuration = BusConfiguration(
            service: ServiceName(rawValue: service), instance: instance, endpoint: try rabbitmqEndpoint())
        return Bus(configuration, on: io, logger: logger)
    }

    /// Tells `/startupz` once everything that was registered with `bus` is being consumed, and from then on how the broker is.
    /// Give it to ``run(_:migrate:)`` after the bus.
    package func consuming(_ bus: Bus) -> some Service {
        Consuming(bus: bus, started: health.flag("bus", .startup), broker: health.flag("rabbitmq", .dependency))
    }

    /// Where the broker is, and who we are there.
    package func rabbitmqEndpoint() throws -> AMQPEndpoint {
        let settings = try RabbitMQSettings(self.settings, service: service)
        return AMQPEndpoint(
            host: settings.host, port: settings.port, vhost: settings.virtualHost, user: settings.user,
            password: settings.password.reveal(), tls: settings.tls ? AMQPTLS(authorities: settings.certificateAuthority) : nil,
            connectionName: instance)
    }

    /// The connection to Redis. Give it to ``run(_:migrate:)``.
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

private struct Consuming: Service {
    let bus: Bus
    let started: HealthFlag
    let broker: HealthFlag

    func run() async throws {
        // Stopping ends the watch, which is no error.
        try? await cancelWhenGracefulShutdown {
            while true {
                let isReady = await bus.isReady
                if isReady { started.set(.up) }
                broker.set(isReady ? .up : .down("not connected, silent, or it blocks publishers"))
                try await Task.sleep(for: .milliseconds(isReady ? 500 : 50))
            }
        }
    }
}
