import Contracts
import Testing

@testable import ServiceKit

@Suite("Sections of the dynamic configuration") struct SectionTests {
    @Test("the defaults of every section are acceptable, and are what the code goes by", arguments: Sections.all.map(\.name))
    func defaults(name: String) throws {
        let schema = try #require(Sections[name])
        #expect(schema.complaints(about: schema.defaults) == [])
        #expect(schema.fields.allSatisfy { $0.setting.key == "\(name).\($0.name)" })
        #expect(Set(schema.fields.map(\.name)).count == schema.fields.count)
    }

    @Test("without any setting, sections are as their initialisers without one")
    func same() throws {
        let none = Settings(providers: [])
        #expect(try PageSizes(none) == PageSizes())
        #expect(try SearchBounds(none) == SearchBounds())
        #expect(try CircuitBreakerPolicy(none) == CircuitBreakerPolicy())
        #expect(try TokenTimes(none).access == AccessToken.lifetime)
    }

    @Test("no token outlives what edges remember of ended sessions")
    func accessTokens() {
        var values = TokenTimes.schema.defaults
        values["accessSeconds"] = .whole(901)
        #expect(TokenTimes.schema.complaints(about: values).map(\.field) == ["values.accessSeconds"])
    }

    @Test(
        "a value is of its type and within its range",
        arguments: [
            ("openSeconds", SettingValue.number(0.5), true), ("openSeconds", .whole(1), true), ("openSeconds", .whole(0), false),
            ("openSeconds", .number(.nan), false), ("openSeconds", .number(.infinity), false), ("openSeconds", .text("1"), false),
            ("openSeconds", .flag(true), false), ("trialCalls", .whole(3), true), ("trialCalls", .number(2.5), false),
            ("trialCalls", .whole(.max), false), ("trialCalls", .whole(-1), false), ("failureRatio", .number(1.01), false),
        ])
    func ranges(field: String, value: SettingValue, isAcceptable: Bool) {
        var values = CircuitBreakerPolicy.schema.defaults
        values[field] = value
        #expect(CircuitBreakerPolicy.schema.complaints(about: values).isEmpty == isAcceptable)
    }

    @Test("what must not exceed another is held against it")
    func orders() {
        var values = MessagingThresholds.schema.defaults
        values["heartbeatSeconds"] = .whole(38)
        let complaint = MessagingThresholds.schema.complaints(about: values)
        #expect(complaint.map(\.message) == ["must be at most 37.5, as idleTimeoutSeconds is 75"])
        values["heartbeatSeconds"] = .whole(37)
        #expect(MessagingThresholds.schema.complaints(about: values) == [])
    }

    @Test("a key of whatever length comes back shortened")
    func longKeys() {
        var values = PageSizes.schema.defaults
        values[String(repeating: "x", count: 10_000)] = .whole(1)
        #expect(PageSizes.schema.complaints(about: values).map(\.field.utf8.count) == [71])
    }
}
