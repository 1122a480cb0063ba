import Contracts
import Foundation
import Postgres
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

/// The connections of a context to the real servers.
@Suite("Connections of a service") struct ConnectionTests {
    private func context(
        _ command: ServiceCommand = .serve, host: VirtualHost? = nil, printResult: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> ServiceContext {
        let (postgres, rabbitmq, redis) = (TestStack.postgres, TestStack.rabbitmq, TestStack.redis)
        let settings = try await Settings.load(environment: [
            "MARTLET_LOG_LEVEL": "critical", "MARTLET_INSTANCE": TestStack.uniqueName("probe"),
            "MARTLET_POSTGRES_HOST": postgres.host, "MARTLET_POSTGRES_PORT": "\(postgres.port)",
            "MARTLET_POSTGRES_USER": postgres.user,
            "MARTLET_POSTGRES_PASSWORD": postgres.password, "MARTLET_POSTGRES_DATABASE": TestStack.postgresDatabase,
            "MARTLET_RABBITMQ_HOST": rabbitmq.host, "MARTLET_RABBITMQ_PORT": "\(rabbitmq.port)",
            "MARTLET_RABBITMQ_USER": rabbitmq.user,
            "MARTLET_RABBITMQ_PASSWORD": rabbitmq.password, "MARTLET_RABBITMQ_VHOST": host?.name ?? "/",
            "MARTLET_REDIS_HOST": redis.host, "MARTLET_REDIS_PORT": "\(redis.port)",
        ])
        return try ServiceContext(
            service: "probe", command: command, settings: settings, output: LineRecorder(), printResult: printResult)
    }

    @Test("the pool, the bus and the Redis client made from settings work, and the probes report them")
    func everything() async throws {
        try await VirtualHost.with { host in
            try await host.makeExchanges()
            let context = try await context(host: host)
            let (database, redis, bus) = (try context.postgres(), try context.redis(), try context.bus())
            let names = ["postgres", "redis", "rabbitmq", "bus"]
            let consuming = context.consuming(bus)
            #expect(names.allSatisfy { context.health.reports()[$0]?.status == .down })
            try await context.job([database, redis, bus, consuming]) {
                _ = try await eventually("all are up") {
                    names.allSatisfy { context.health.reports()[$0]?.status == .up } ? true : nil
                }
                #expect(context.health.notStartedReasons.isEmpty)
                #expect(try await database.one("SELECT 1::bigint", as: Int64.self) as Int64 == 1)
            }
        }
    }

    @Test("commands list, replay and drop dead letters")
    func deadLetters() async throws {
        try await VirtualHost.with { host in
            try await host.makeExchanges()
            #expect(try await output(.list(limit: 10), host) == "id\ttype\tqueue\ttime\tbytes\treason")
            let letter = """
                {"routing_key": "probe", "payload": "{}", "payload_encoding": "string", "properties": {"headers": {
                    "cloudEvents_id": "e-1", "cloudEvents_type": "chats.message.sent.v1", "martlet_queue": "q", "martlet_reason": "no\\tgood"}}}
                """
            try await VirtualHost.management("POST", "exchanges/\(host.name)/martlet.dead/publish", body: letter)
            let listed = try await output(.list(limit: 10), host).split(separator: "\n")
            #expect(listed.count == 2)
            #expect(listed.last == "e-1\tchats.message.sent.v1\tq\t-\t2\tno good")
            #expect(try await output(.drop(.ids(["e-2"])), host) == "0 dropped")
            #expect(try await output(.drop(.all), host) == "1 dropped")
            #expect(try await output(.replay(.all), host) == "0 given back to their queues")
        }
    }

    /// Runs a command and returns the text that it prints.
    private func output(_ command: DeadLetterCommand, _ host: VirtualHost) async throws -> String {
        let printed = PrintedText()
        try await context(.deadLetters(command), host: host, printResult: { printed.append($0) }).run([])
        return printed.text
    }
}

private final class PrintedText: Sendable {
    private let state = Mutex("")
    var text: String { state.withLock { $0 } }
    func append(_ text: String) { state.withLock { $0 += text } }
}
