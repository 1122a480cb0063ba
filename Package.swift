// swift-tools-version: 6.2
import PackageDescription

/// Settings of all targets. Warnings are errors. Targets share `package` access; only Contracts is `public`.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// A module map over a C library of the system, found through pkg-config.
func system(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, path: "Shared/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

/// A library that knows nothing of any service.
func shared(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Shared/\(name)", swiftSettings: settings)
}

/// One service: an executable in `Services/<path>`.
func service(_ name: String, path: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, path: "Services/\(path)", resources: [.embedInCode("Migrations")],
        swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(name: "\(name)Tests", dependencies: [.byName(name: name), "TestSupport"] + dependencies, swiftSettings: settings)
}

extension Target.Dependency {
    static let logging = product(name: "Logging", package: "swift-log")
    static let metrics = product(name: "Metrics", package: "swift-metrics")
    static let tracing = product(name: "Tracing", package: "swift-distributed-tracing")
    static let instrumentation = product(name: "Instrumentation", package: "swift-distributed-tracing")
    static let lifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let configuration = product(name: "Configuration", package: "swift-configuration")
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let collections = product(name: "DequeModule", package: "swift-collections")
    static let nio = product(name: "NIOCore", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioTLS = product(name: "NIOTLS", package: "swift-nio")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let signals = product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let nioEmbedded = product(name: "NIOEmbedded", package: "swift-nio")
    static let nioWebSocket = product(name: "NIOWebSocket", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioHTTPTypesHTTP1 = product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let jwt = product(name: "JWTKit", package: "jwt-kit")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let httpClient = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let subprocess = product(name: "Subprocess", package: "swift-subprocess")
}

let package = Package(
    name: "martlet",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Contracts", targets: ["Contracts"]),
        .executable(name: "bff", targets: ["BFF"]),
        .executable(name: "users", targets: ["Users"]),
        .executable(name: "chats", targets: ["Chats"]),
        .executable(name: "idgen", targets: ["IDGen"]),
        .executable(name: "messaging", targets: ["Messaging"]),
        .executable(name: "config", targets: ["Config"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // The loop, and the faces of three C libraries.
        shared("Reactor"),
        tests("Reactor"),
        system("CRabbitMQ", pkgConfig: "librabbitmq", apt: "librabbitmq-dev"),
        shared("AMQP", ["CRabbitMQ", "Reactor", .logging, .lifecycle, .collections, .nio, .nioPosix, .nioTLS, .nioSSL]),
        tests("AMQP", ["Reactor", .logging, .lifecycle]),
        .systemLibrary(name: "CRedis", path: "Shared/CRedis", providers: [.apt(["libhiredis-dev"])]),
        shared("Redis", ["CRedis", "Reactor", .logging, .lifecycle, .collections]),
        tests("Redis", ["Reactor", .logging]),
        shared("Cache", ["Redis", "Reactor", .metrics, .collections]),
        tests("Cache", ["Redis", "Reactor", .logging]),
        system("CPostgres", pkgConfig: "libpq", apt: "libpq-dev"),
        shared("Postgres", ["CPostgres", "Reactor", .collections, .crypto, .lifecycle, .logging]),
        tests("Postgres", ["PostgresTesting", "Reactor", .logging]),
        .target(
            name: "PostgresTesting", dependencies: ["Postgres", "Reactor", "TestSupport", .logging],
            path: "Tests/PostgresTesting", swiftSettings: settings),

        // The Codable coder of the bus, and the JSON writer.
        shared("CBOR"),
        tests("CBOR", ["Contracts"]),

        // Calls and events over the broker.
        shared(
            "Bus", ["AMQP", "CBOR", "Contracts", "Postgres", "Reactor", .logging, .metrics, .tracing, .lifecycle, .collections]),
        tests(
            "Bus",
            [
                "AMQP", "BusTesting", "CBOR", "Contracts", "Postgres", "PostgresTesting", "Reactor", "ServiceKit", .logging,
                .lifecycle, .tracing,
            ]),
        .target(
            name: "BusTesting",
            dependencies: [
                "AMQP", "Bus", "CBOR", "Contracts", "Postgres", "PostgresTesting", "Reactor", "TestSupport", .logging, .lifecycle,
            ], path: "Tests/BusTesting", swiftSettings: settings),

        // Deliveries to live connections, and which instance has which partitions.
        shared("Realtime", ["AMQP", "Bus", "CBOR", "Contracts", "Reactor", .logging, .metrics, .lifecycle]),
        tests("Realtime", ["AMQP", "Bus", "BusTesting", "CBOR", "Contracts", "Postgres", "Reactor"]),

        // What tests share: the servers they run against, names of their own, seeded chance.
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),

        // What services say to each other.
        shared("Contracts"),
        tests("Contracts"),

        // Accounts, sessions, profiles, connections.
        system("CSodium", pkgConfig: "libsodium", apt: "libsodium-dev"),
        service(
            "Users", path: "users",
            [
                "Bus", "Cache", "CBOR", "Contracts", "CSodium", "Postgres", "Reactor", "Realtime", "Redis", "ServiceKit", .jwt,
                .lifecycle, .logging, .argumentParser,
            ]),
        tests(
            "Users",
            [
                "AMQP", "Bus", "Cache", "Contracts", "Postgres", "PostgresTesting", "Reactor", "Realtime", "Redis", "ServiceKit",
                .jwt, .lifecycle, .logging,
            ]),

        // Chats, members, messages.
        service(
            "Chats", path: "chats",
            [
                "Bus", "Cache", "CBOR", "Contracts", "Postgres", "Reactor", "Realtime", "Redis", "ServiceKit", .collections,
                .crypto, .lifecycle, .logging, .metrics, .tracing,
            ]),
        tests(
            "Chats",
            [
                "AMQP", "Bus", "Cache", "CBOR", "Contracts", "Postgres", "PostgresTesting", "Reactor", "Realtime", "Redis",
                "ServiceKit", .lifecycle, .logging,
            ]),

        // What every service needs to run.
        shared(
            "ServiceKit",
            [
                "AMQP", "Bus", "Cache", "CBOR", "Contracts", "Postgres", "Redis", "Reactor", .logging, .metrics, .tracing,
                .lifecycle,
                .signals, .configuration, .collections, .hummingbird,
                .hummingbirdCore,
                .nio, .nioPosix, .argumentParser,
            ]),
        tests(
            "ServiceKit",
            [
                "Bus", "Cache", "Contracts", "Postgres", "Reactor", .argumentParser, .logging, .metrics, .tracing, .lifecycle,
                .configuration, .nio,
            ]),

        // The services.
        service(
            "IDGen", path: "idgen",
            ["Bus", "Contracts", "Postgres", "Reactor", "ServiceKit", .argumentParser, .logging, .lifecycle]),
        tests("IDGen", ["Contracts", "Postgres", "PostgresTesting", "Reactor", .logging]),

        // What both edges need: tokens, revocations, request ids, problem+json.
        shared("Edge", ["Bus", "Contracts", .httpTypes, .jwt, .lifecycle, .logging, .nio, .nioHTTP1]),
        tests("Edge", ["Bus", "BusTesting", "Contracts", .jwt, .logging]),

        // Live connections, and which process has whose.
        .executableTarget(
            name: "Messaging",
            dependencies: [
                "Bus", "CBOR", "Contracts", "Edge", "Reactor", "Realtime", "ServiceKit", .collections, .lifecycle, .logging,
                .metrics, .tracing, .httpTypes, .nio, .nioPosix, .nioHTTP1, .nioWebSocket,
            ], path: "Services/messaging", swiftSettings: settings),
        tests(
            "Messaging",
            [
                "Bus", "BusTesting", "Contracts", "Edge", "Reactor", "Realtime", "ServiceKit", .logging, .nio, .nioEmbedded,
                .nioHTTP1, .nioPosix, .nioWebSocket,
            ]),
        service(
            "Config", path: "config",
            [
                "Bus", "Contracts", "Postgres", "Reactor", "ServiceKit", .argumentParser, .httpClient, .lifecycle, .logging,
                .metrics, .nio, .nioHTTP1, .nioSSL, .subprocess,
            ]),
        tests(
            "Config",
            [
                "AMQP", "Bus", "Contracts", "Postgres", "PostgresTesting", "Reactor", "ServiceKit", .configuration, .lifecycle,
                .logging, .nio, .nioPosix, .nioHTTP1, .nioSSL,
            ]),

        system("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        .executableTarget(
            name: "BFF",
            dependencies: [
                "Bus", "CBOR", "Contracts", "CZlib", "Edge", "Realtime", "ServiceKit", .hummingbird, .hummingbirdCore,
                .httpTypes, .crypto, .logging, .metrics, .tracing, .lifecycle, .nio, .nioPosix, .nioHTTP1, .nioHTTPTypesHTTP1,
                .collections,
            ], path: "Services/bff", resources: [.embedInCode("openapi.json")], swiftSettings: settings),
        tests(
            "BFF",
            [
                "Bus", "BusTesting", "Contracts", "Edge", "Realtime", "ServiceKit", .hummingbirdCore, .hummingbird, .httpTypes,
                .logging, .nio, .nioEmbedded, .nioHTTP1, .nioPosix,
            ]),

        // What `make bench` measures with; not shipped.
        .executableTarget(
            name: "Bench",
            dependencies: [
                "Bus", "Contracts", "Postgres", "Reactor", "Redis", "ServiceKit", .hummingbird, .nio, .nioPosix, .nioHTTP1,
                .nioWebSocket, .argumentParser,
            ],
            path: "Benchmarks/bench", swiftSettings: settings),

        // The rules of several services together, over a simulated bus.
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "Bus", "CBOR", "Chats", "Config", "Contracts", "IDGen", "Messaging", "Postgres", "StackTesting", "TestSupport",
                "Users",
            ],
            swiftSettings: settings),

        // The whole, over the running stack; and over stacks of the tests' own, whose parts they kill.
        .target(
            name: "StackTesting", dependencies: ["TestSupport"], path: "Tests/StackTesting", swiftSettings: settings),
        .testTarget(
            name: "EndToEnd", dependencies: ["StackTesting", "TestSupport"], exclude: ["Programs"], swiftSettings: settings),
        .testTarget(
            name: "FaultTests", dependencies: ["StackTesting", "TestSupport"], exclude: ["Programs"], swiftSettings: settings),

        // The house rules, as tests over the sources' text.
        .testTarget(name: "TidyTests", swiftSettings: settings),
    ]
)
