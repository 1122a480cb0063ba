/// The address of Postgres, the credentials, and connection options.
package struct PostgresSettings: Sendable {
    package static let host = Setting<String>.text(
        "postgres.host", default: "127.0.0.1", limit: 255, "host of Postgres, or of a PgBouncer in front of it")
    package static let port = Setting<Int>.port("postgres.port", default: 5_432, "port of Postgres or PgBouncer")
    package static let database = Setting<String>.text("postgres.database", default: "martlet", limit: 63, "name of the database")
    package static let user = Setting<String>.text(
        "postgres.user", limit: 63, "database role; the name of the service unless set")
    package static let password = Setting<Secret>.secret("postgres.password", "password of the database role; none unless set")
    package static let tls = Setting<Bool>.flag(
        "postgres.tls", default: false, "whether to use TLS, with verification of the server certificate")
    package static let authority = Setting<String>.text(
        "postgres.ca", "file with trusted certificate authorities; those of the system unless set")
    package static let directHost = Setting<String>.text(
        "postgres.directHost", limit: 255,
        "host of Postgres itself, for migrations, LISTEN and leader election; postgres.host unless set")
    package static let directPort = Setting<Int>.port("postgres.directPort", "port of Postgres itself; postgres.port unless set")
    package static let namedStatements = Setting<Bool>.flag(
        "postgres.namedStatements", default: true,
        "whether to use named prepared statements; set false behind PgBouncer in transaction mode")

    package static let all: [SettingDescription] = [
        host.description, port.description, database.description, user.description, password.description, tls.description,
        authority.description, directHost.description, directPort.description, namedStatements.description,
    ]

    package let host: String
    package let port: Int
    package let database: String
    package let user: String
    package let password: Secret?
    package let tls: Bool
    package let certificateAuthority: String?
    package let directHost: String
    package let directPort: Int
    package let namedStatements: Bool

    package init(_ settings: Settings, service: String) throws(ConfigurationError) {
        host = try settings.value(Self.host)
        port = try settings.value(Self.port)
        database = try settings.value(Self.database)
        user = try settings.optional(Self.user) ?? service
        password = try settings.optional(Self.password)
        tls = try settings.value(Self.tls)
        certificateAuthority = try settings.optional(Self.authority)
        directHost = try settings.optional(Self.directHost) ?? host
        directPort = try settings.optional(Self.directPort) ?? port
        namedStatements = try settings.value(Self.namedStatements)
    }
}

/// The address of RabbitMQ and the credentials.
package struct RabbitMQSettings: Sendable {
    package static let host = Setting<String>.text("rabbitmq.host", default: "127.0.0.1", limit: 255, "host of RabbitMQ")
    package static let port = Setting<Int>.port("rabbitmq.port", "port of RabbitMQ; 5672 unless set, 5671 with TLS")
    package static let virtualHost = Setting<String>.text("rabbitmq.vhost", default: "/", limit: 255, "virtual host of RabbitMQ")
    package static let user = Setting<String>.text(
        "rabbitmq.user", limit: 255, "user of RabbitMQ; the name of the service unless set")
    package static let password = Setting<Secret>.secret("rabbitmq.password", "password of the RabbitMQ user")
    package static let tls = Setting<Bool>.flag(
        "rabbitmq.tls", default: false, "whether to use TLS, with verification of the server certificate")
    package static let authority = Setting<String>.text(
        "rabbitmq.ca", "file with trusted certificate authorities; those of the system unless set")

    package static let all: [SettingDescription] = [
        host.description, port.description, virtualHost.description, user.description, password.description, tls.description,
        authority.description,
    ]

    package let host: String
    package let port: Int
    package let virtualHost: String
    package let user: String
    package let password: Secret
    package let tls: Bool
    package let certificateAuthority: String?

    package init(_ settings: Settings, service: String) throws(ConfigurationError) {
        host = try settings.value(Self.host)
        tls = try settings.value(Self.tls)
        port = try settings.optional(Self.port) ?? (tls ? 5_671 : 5_672)
        virtualHost = try settings.value(Self.virtualHost)
        user = try settings.optional(Self.user) ?? service
        password = try settings.value(Self.password)
        certificateAuthority = try settings.optional(Self.authority)
    }
}

/// The address of Redis, the credentials, and the key prefix of the service.
package struct RedisSettings: Sendable {
    package static let host = Setting<String>.text("redis.host", default: "127.0.0.1", limit: 255, "host of Redis")
    package static let port = Setting<Int>.port("redis.port", default: 6_379, "port of Redis")
    package static let user = Setting<String>.text("redis.user", limit: 255, "user of Redis; the default user unless set")
    package static let password = Setting<Secret>.secret("redis.password", "password of the Redis user; none unless set")
    package static let prefix = Setting<String>.text(
        "redis.prefix", limit: 100, "prefix of all keys; \"<service>:\" unless set")

    package static let all: [SettingDescription] = [
        host.description, port.description, user.description, password.description, prefix.description,
    ]

    package let host: String
    package let port: Int
    package let user: String?
    package let password: Secret?
    package let prefix: String

    package init(_ settings: Settings, service: String) throws(ConfigurationError) {
        host = try settings.value(Self.host)
        port = try settings.value(Self.port)
        user = try settings.optional(Self.user)
        password = try settings.optional(Self.password)
        prefix = try settings.optional(Self.prefix) ?? "\(service):"
    }
}

/// The HTTP server of an edge: its address and limits.
package struct HTTPSettings: Sendable {
    package static let host = Setting<String>.text("http.host", default: "127.0.0.1", limit: 255, "address of the public port")
    package static let port = Setting<Int>.whole(
        "http.port", in: 0...65_535, default: 8_080, "public port; 0 selects a free port and logs it")

    package static let connections = Setting<Int>.whole(
        "http.connections", in: 1...100_000, default: 8_192, "maximum number of connections; further ones wait to be accepted")
    package static let loops = Setting<Int>.whole(
        "http.loops", in: 1...64, default: 2, "number of threads that serve connections")
    package static let requests = Setting<Int>.whole(
        "http.requests", in: 1...10_000, default: 512, "maximum number of concurrent requests; as many more may wait")
    package static let patience = Setting<Duration>.seconds(
        "http.patience", in: 0...10, default: 0.5, "seconds that a request may wait before it is refused")

    package static let all: [SettingDescription] = [
        host.description, port.description, connections.description, loops.description, requests.description,
        patience.description,
    ]

    package let host: String
    package let port: Int
    package let connections: Int
    package let loops: Int
    package let requests: Int
    package let patience: Duration

    package init(host: String, port: Int, connections: Int, loops: Int = 1, requests: Int, patience: Duration) {
        self.host = host
        self.port = port
        self.connections = connections
        self.loops = loops
        self.requests = requests
        self.patience = patience
    }

    package init(_ settings: Settings) throws(ConfigurationError) {
        host = try settings.value(Self.host)
        port = try settings.value(Self.port)
        connections = try settings.value(Self.connections)
        loops = try settings.value(Self.loops)
        requests = try settings.value(Self.requests)
        patience = try settings.value(Self.patience)
    }
}
