import Configuration
import Foundation
import Testing

@testable import ServiceKit

@Suite("Settings") struct SettingsTests {
    private let size = Setting<Int>.whole("batch.maxSize", in: 1...256, default: 64, "rows of a batch")

    @Test("a key determines its environment variable")
    func variable() {
        #expect(size.variable == "MARTLET_BATCH_MAX_SIZE")
        #expect(PostgresSettings.namedStatements.variable == "MARTLET_POSTGRES_NAMED_STATEMENTS")
    }

    @Test("the environment overrides the file, and the file overrides the default")
    func precedence() async throws {
        let file = try JSONFile(#"{"batch": {"maxSize": 7}, "postgres": {"host": "db", "tls": true}, "stop": {"delay": 1.5}}"#)
        let both = try await Settings.load(environment: ["MARTLET_CONFIG_FILE": file.path, "MARTLET_BATCH_MAX_SIZE": "9"])
        #expect(try both.value(size) == 9)
        let fileOnly = try await Settings.load(environment: ["MARTLET_CONFIG_FILE": file.path])
        #expect(try fileOnly.value(size) == 7)
        #expect(try fileOnly.value(PostgresSettings.host) == "db")
        #expect(try fileOnly.value(PostgresSettings.tls))
        #expect(try fileOnly.value(CommonSettings.stopDelay) == .milliseconds(1_500))
        let neither = try await Settings.load(environment: ["MARTLET_BATCH_MAX_SIZE": ""])
        #expect(try neither.value(size) == 64)
        #expect(try neither.optional(size) == nil)
    }

    @Test("a further provider has the lowest or the highest precedence")
    func oneMoreProvider() async throws {
        let more = InMemoryProvider(values: ["batch.maxSize": ConfigValue(.int(5), isSecret: false)])
        let settings = try await Settings.load(environment: ["MARTLET_BATCH_MAX_SIZE": "9"])
        #expect(try settings.adding(more).value(size) == 9)
        #expect(try settings.adding(more, first: true).value(size) == 5)
        #expect(try Settings(providers: [more]).value(size) == 5)
    }

    @Test(
        "the error for an invalid value names the variable, the value and what it must be",
        arguments: [
            ("MARTLET_BATCH_MAX_SIZE", "0", "a whole number from 1 to 256"),
            ("MARTLET_BATCH_MAX_SIZE", "ten", "a whole number from 1 to 256"),
            ("MARTLET_LOG_LEVEL", "loud", "one of trace, debug, info, notice, warning, error, critical"),
            ("MARTLET_STOP_LIMIT", "26", "a number of seconds from 1.0 to 25.0"),
            ("MARTLET_STOP_LIMIT", "nan", "a number of seconds"),
            ("MARTLET_INSTANCE", "a b", "characters A–Z"), ("MARTLET_POSTGRES_TLS", "maybe", "true or false"),
        ])
    func unacceptable(variable: String, value: String, expectation: String) async throws {
        let settings = try await Settings.load(environment: [variable: value])
        let error = #expect(throws: ConfigurationError.self) {
            _ = try settings.value(size)
            _ = try settings.value(CommonSettings.logLevel)
            _ = try settings.value(CommonSettings.stopLimit)
            _ = try settings.optional(CommonSettings.instance)
            _ = try settings.value(PostgresSettings.tls)
        }
        let text = try #require(error?.description)
        #expect(text.hasPrefix("\(variable) is \"\(value)\"; it must be"))
        #expect(text.contains(expectation))
    }

    @Test(
        "the error for an invalid value in the file names the file, also for lists",
        arguments: [(#""many""#, #""many""#), ("[1]", "neither text nor a number"), ("1.5", #""1.5""#)])
    func wrongInFile(json: String, shown: String) async throws {
        let file = try JSONFile(#"{"batch": {"maxSize": \#(json)}}"#)
        let settings = try await Settings.load(environment: ["MARTLET_CONFIG_FILE": file.path])
        let error = #expect(throws: ConfigurationError.self) { try settings.value(size) }
        #expect(
            error?.description.hasPrefix(
                "MARTLET_BATCH_MAX_SIZE (batch.maxSize in the configuration file) is \(shown); it must be a whole") == true)
    }

    @Test("the error for a missing setting names it")
    func missing() async throws {
        let settings = try await Settings.load(environment: [:])
        let error = #expect(throws: ConfigurationError.self) { try RabbitMQSettings(settings, service: "chats") }
        #expect(error?.description.hasPrefix("MARTLET_RABBITMQ_PASSWORD is missing; set it to") == true)
    }

    @Test("a secret is never printed, whether it is valid or not")
    func secrets() async throws {
        let settings = try await Settings.load(environment: ["MARTLET_POSTGRES_PASSWORD": "hunter2"])
        let postgres = try PostgresSettings(settings, service: "chats")
        #expect(postgres.password?.reveal() == "hunter2")
        var dumped = ""
        dump(postgres, to: &dumped)
        #expect(!("\(postgres) \(String(reflecting: postgres)) " + dumped).contains("hunter2"))
        let long = String(repeating: "hunter2", count: 1_000)
        let error = await #expect(throws: ConfigurationError.self) {
            try PostgresSettings(try await Settings.load(environment: ["MARTLET_POSTGRES_PASSWORD": long]), service: "chats")
        }
        #expect(error?.description.contains("MARTLET_POSTGRES_PASSWORD") == true)
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test("unset values of servers default to related values")
    func serverDefaults() async throws {
        let settings = try await Settings.load(environment: [
            "MARTLET_POSTGRES_HOST": "pool", "MARTLET_POSTGRES_PORT": "6432", "MARTLET_RABBITMQ_PASSWORD": "x",
            "MARTLET_RABBITMQ_TLS": "on",
        ])
        let postgres = try PostgresSettings(settings, service: "chats")
        #expect(postgres.user == "chats")
        #expect(postgres.directHost == "pool")
        #expect(postgres.directPort == 6_432)
        #expect(try RabbitMQSettings(settings, service: "chats").port == 5_671)
        #expect(try RedisSettings(settings, service: "chats").prefix == "chats:")
    }

    @Test("the error for an unreadable file, or one without an object, names it", arguments: ["/nowhere/at/all.json", "array"])
    func unreadable(path: String) async throws {
        let array = try JSONFile("[1]")
        let path = path == "array" ? array.path : path
        let error = await #expect(throws: ConfigurationError.self) {
            try await Settings.load(environment: ["MARTLET_CONFIG_FILE": path])
        }
        #expect(error?.description.hasPrefix("MARTLET_CONFIG_FILE names \(path)") == true)
    }

    @Test("misspelt variables are detected; variables of tests and of other programs are ignored")
    func unknown() async throws {
        let settings = try await Settings.load(environment: [
            "MARTLET_POSTGRES_HSOT": "x", "MARTLET_POSTGRES_HOST": "x", "MARTLET_TEST_X": "x", "HOME": "x",
        ])
        #expect(settings.unknownVariables(known: PostgresSettings.all) == ["MARTLET_POSTGRES_HSOT"])
    }
}

/// A temporary file.
private final class JSONFile {
    let path = FileManager.default.temporaryDirectory.appending(component: "martlet-\(UUID().uuidString).json").path()
    init(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}
