import Configuration
import Contracts
import Logging
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

@Suite("Settings that change at run time") struct DynamicSettingsTests {
    /// The responses of `config`.
    private final class ConfigResponses: Sendable {
        private let state = Mutex<Result<[ConfigSection], Failure>>(.success([]))
        func set(_ version: Int64, usual: Int64, most: Int64) {
            let values: [String: SettingValue] = ["usual": .whole(usual), "most": .whole(most)]
            let at = Timestamp(millisecondsSinceEpoch: 0)
            state.withLock {
                $0 = .success([ConfigSection(name: "pageSizes", version: version, values: values, changedAt: at)])
            }
        }
        func fail() { state.withLock { $0 = .failure(Failure()) } }
        func get() throws -> [ConfigSection] { try state.withLock { $0 }.get() }
    }

    private func make(_ responses: ConfigResponses, environment: [String: String] = [:]) async throws -> (
        Settings, DynamicSettings
    ) {
        let values = MutableInMemoryProvider(initialValues: [:])
        let settings = try await Settings.load(environment: environment).adding(values)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return (settings, DynamicSettings(settings, values: values, logger: logger) { try responses.get() })
    }

    @Test("reading a setting returns its present value")
    func lookups() async throws {
        let responses = ConfigResponses()
        let (settings, dynamic) = try await make(responses)
        let pages = try dynamic.current(PageSizes.self)
        #expect(try settings.value(PageSizes.usual) == .whole(50) && pages.now == PageSizes())
        responses.set(2, usual: 20, most: 40)
        #expect(await dynamic.refresh())
        #expect(try settings.value(PageSizes.usual) == .whole(20) && pages.now == PageSizes(usual: 20, most: 40))
        responses.set(3, usual: 30, most: 101)
        #expect(await dynamic.refresh())
        #expect(try settings.value(PageSizes.usual) == .whole(20) && pages.now == PageSizes(usual: 20, most: 40))
        responses.fail()
        #expect(await !dynamic.refresh())
        #expect(try settings.value(PageSizes.usual) == .whole(20) && pages.now == PageSizes(usual: 20, most: 40))
    }

    @Test("the environment takes precedence, and inconsistent values are adjusted")
    func precedence() async throws {
        let responses = ConfigResponses()
        let (settings, dynamic) = try await make(responses, environment: ["MARTLET_PAGE_SIZES_MOST": "15"])
        let pages = try dynamic.current(PageSizes.self)
        responses.set(2, usual: 20, most: 40)
        #expect(await dynamic.refresh())
        #expect(try settings.value(PageSizes.most) == .whole(15) && pages.now == PageSizes(usual: 15, most: 15))
        #expect(dynamic.report.details == ["pageSizes": "version 2; overridden here: most"])
    }

    @Test("an invalid value in the environment is an error at the start")
    func wrongEnvironment() async throws {
        let (_, dynamic) = try await make(ConfigResponses(), environment: ["MARTLET_PAGE_SIZES_MOST": "500"])
        #expect(throws: ConfigurationError.self) { try dynamic.current(PageSizes.self) }
    }

    @Test("observers are called for changed values only")
    func observers() async throws {
        let responses = ConfigResponses()
        let (_, dynamic) = try await make(responses)
        let seen = Mutex<[Int]>([])
        try dynamic.follow(PageSizes.self) { section in seen.withLock { $0.append(section.usual) } }
        for (version, usual): (Int64, Int64) in [(1, 50), (2, 20), (3, 20), (4, 25)] {
            responses.set(version, usual: usual, most: 100)
            #expect(await dynamic.refresh())
        }
        #expect(seen.withLock { $0 } == [50, 20, 25])
    }

    @Test("/healthz reports the version of each section in use, and rejected versions")
    func report() async throws {
        let responses = ConfigResponses()
        let (_, dynamic) = try await make(responses)
        _ = try dynamic.current(PageSizes.self)
        #expect(dynamic.report.status == .degraded && dynamic.report.details == ["pageSizes": "defaults"])
        responses.set(2, usual: 20, most: 40)
        _ = await dynamic.refresh()
        #expect(dynamic.report == ComponentReport(.up, details: ["pageSizes": "version 2"]))
        responses.set(3, usual: 20, most: 101)
        _ = await dynamic.refresh()
        #expect(dynamic.report.status == .degraded && dynamic.report.details == ["pageSizes": "version 2"])
        #expect(dynamic.report.reason?.hasPrefix("pageSizes version 3 is rejected: values.most must be") == true)
        #expect(dynamic.metrics().first?.samples.map(\.value) == [2])
    }
}
