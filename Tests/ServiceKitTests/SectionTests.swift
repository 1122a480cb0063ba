import Configuration
import Contracts
import TestSupport
import Testing

@testable import ServiceKit

@Suite("Sections of the dynamic configuration") struct SectionTests {
    @Test("the defaults of every section are valid and consistent with the schema", arguments: Sections.all.map(\.name))
    func defaults(name: String) throws {
        let schema = try #require(Sections[name])
        #expect(schema.errors(in: schema.defaults) == [])
        #expect(schema.fields.allSatisfy { $0.key == "\(name).\($0.name)" })
        #expect(Set(schema.fields.map(\.name)).count == schema.fields.count)
    }

    @Test("without settings, a section equals its default initialiser")
    func same() throws {
        let none = Settings(providers: [])
        #expect(try PageSizes(none) == PageSizes())
        #expect(try SearchBounds(none) == SearchBounds())
        #expect(try CircuitBreakerPolicy(none) == CircuitBreakerPolicy())
        #expect(try TokenTimes(none).access == AccessToken.lifetime)
    }

    @Test("no token lives longer than edges keep revocations")
    func accessTokens() {
        var values = TokenTimes.schema.defaults
        values["accessSeconds"] = .whole(901)
        #expect(TokenTimes.schema.errors(in: values).map(\.field) == ["values.accessSeconds"])
    }

    @Test(
        "a value must have its type and be in its range",
        arguments: [
            ("openSeconds", SettingValue.number(0.5), true), ("openSeconds", .whole(1), true), ("openSeconds", .whole(0), false),
            ("openSeconds", .number(.nan), false), ("openSeconds", .number(.infinity), false), ("openSeconds", .text("1"), false),
            ("openSeconds", .flag(true), false), ("trialCalls", .whole(3), true), ("trialCalls", .number(2.5), false),
            ("trialCalls", .whole(.max), false), ("trialCalls", .whole(-1), false), ("failureRatio", .number(1.01), false),
        ])
    func ranges(field: String, value: SettingValue, isAcceptable: Bool) {
        var values = CircuitBreakerPolicy.schema.defaults
        values[field] = value
        #expect(CircuitBreakerPolicy.schema.errors(in: values).isEmpty == isAcceptable)
    }

    @Test("a value that must not exceed another is checked against it")
    func orders() {
        var values = MessagingThresholds.schema.defaults
        values["resumeBufferBytes"] = .whole(262_145)
        let errors = MessagingThresholds.schema.errors(in: values)
        #expect(errors.map(\.message) == ["must be at most 262144, as outboundBufferBytes is 262144"])
        values["resumeBufferBytes"] = .whole(262_144)
        #expect(MessagingThresholds.schema.errors(in: values) == [])
    }

    /// Creates a section from settings, by its name.
    private static let made: [String: @Sendable (Settings) throws -> any DynamicSection] = [
        "pageSizes": { try PageSizes($0) }, "search": { try SearchBounds($0) }, "cache": { try CacheTimes($0) },
        "tokens": { try TokenTimes($0) }, "circuitBreakers": { try CircuitBreakerPolicy($0) },
        "messaging": { try MessagingThresholds($0) },
    ]

    @Test(
        "a section can be created from all values that its schema accepts; rejected fields are named",
        arguments: made.keys.sorted(),
        UInt64(1)...20)
    func acceptable(name: String, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (schema, make) = (try #require(Sections[name]), try #require(Self.made[name]))
        var accepted = 0
        for _ in 0..<100 {
            var values = schema.defaults
            for field in schema.fields where Int.random(in: 0..<4, using: &random) == 0 {
                values[field.name] = Self.value(near: field, using: &random)
            }
            let errors = schema.errors(in: values)
            guard errors.isEmpty else {
                #expect(errors.allSatisfy { error in schema.fields.contains { error.field == "values.\($0.name)" } })
                continue
            }
            accepted += 1
            let entries = values.map { (AbsoluteConfigKey([name, $0]), ConfigValue(.string($1.description), isSecret: false)) }
            let provider = InMemoryProvider(values: Dictionary(uniqueKeysWithValues: entries))
            #expect(throws: Never.self, "\(values)") { try make(Settings(providers: [provider])) }
        }
        #expect(accepted > 0)
    }

    /// A random value: often at a bound or slightly beyond, sometimes of another type.
    private static func value(near field: SectionField, using random: inout SeededGenerator) -> SettingValue? {
        let bounds = field.expectation.split(separator: " ").compactMap { Double($0) }
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return .text("1")
        case 1: return SettingValue((bounds.last ?? 0) + 1)
        case 2: return SettingValue(bounds.first ?? 0)
        case 3: return SettingValue(bounds.last ?? 0)
        case 4: return SettingValue(.random(in: (bounds.first ?? 0)...(bounds.last ?? 1), using: &random))
        case 5: return nil
        default: return SettingValue(Double.random(in: (bounds.first ?? 0)...(bounds.last ?? 1), using: &random).rounded())
        }
    }

    @Test("a long key is shortened in errors")
    func longKeys() {
        var values = PageSizes.schema.defaults
        values[String(repeating: "x", count: 10_000)] = .whole(1)
        #expect(PageSizes.schema.errors(in: values).map(\.field.utf8.count) == [71])
    }
}
