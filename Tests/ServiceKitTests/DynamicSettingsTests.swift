import Configuration
import Contracts
import Logging
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

@Suite("Settings that change while we run") struct DynamicSettingsTests {
    /// What `config` answers.
    private final class Answers: Sendable {
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

    private func make(_ answers: Answers, environment: [String: String] = [:]) async throws -> (Settings, DynamicSettings) {
        let values = MutableInMemoryProvider(initialValues: [:])
        let settings = try await Settings.load(environment: environment).adding(values)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return (settings, DynamicSettings(settings, values: values, logger: logger) { try answers.get() })
    }

    @Test("a setting is asked for in one way, and answered with what holds now")
    func lookups() async throws {
        let answers = Answers()
        let (settings, dynamic) = try await make(answers)
        let pages = try dynamic.current(PageSizes.self)
        #expect(try settings.value(PageSizes.usual) == .whole(50) && pages.now == PageSizes())
        answers.set(2, usual: 20, most: 40)
        #expect(await dynamic.readOnce())
        #expect(try settings.value(PageSizes.usual) == .whole(20) && pages.now == PageSizes(usual: 20, most: 40))
        answers.set(3, usual: 30, most: 101)
        #expect(await dynamic.readOnce())
        #expect(try settings.value(PageSizes.usual) == .whole(20) && pages.now == PageSizes(usual: 20, most: 40))
        answers.fail()
        #expect(await !dynamic.readOnce())
        #expect(try settings.value(PageSizes.usual) == .whole(20) && pages.now == PageSizes(usual: 20, most: 40))
    }

    @Test("the environment goes before; what does not fit together then is made to fit")
    func precedence() async throws {
        let answers = Answers()
        let (settings, dynamic) = try await make(answers, environment: ["MARTLET_PAGE_SIZES_MOST": "15"])
        let pages = try dynamic.current(PageSizes.self)
        answers.set(2, usual: 20, most: 40)
        #expect(await dynamic.readOnce())
        #expect(try settings.value(PageSizes.most) == .whole(15) && pages.now == PageSizes(usual: 15, most: 15))
        #expect(dynamic.report.details == ["pageSizes": "version 2; fixed here: most"])
    }

    @Test("an unacceptable value in the environment is refused at the start")
    func wrongEnvironment() async throws {
        let (_, dynamic) = try await make(Answers(), environment: ["MARTLET_PAGE_SIZES_MOST": "500"])
        #expect(throws: ConfigurationError.self) { try dynamic.current(PageSizes.self) }
    }

    @Test("followers are told of what has changed, and of nothing else")
    func followers() async throws {
        let answers = Answers()
        let (_, dynamic) = try await make(answers)
        let told = Mutex<[Int]>([])
        try dynamic.follow(PageSizes.self) { section in told.withLock { $0.append(section.usual) } }
        for (version, usual): (Int64, Int64) in [(1, 50), (2, 20), (3, 20), (4, 25)] {
            answers.set(version, usual: usual, most: 100)
            #expect(await dynamic.readOnce())
        }
        #expect(told.withLock { $0 } == [50, 20, 25])
    }

    @Test("/healthz has the version of each section that is used, and what was refused")
    func report() async throws {
        let answers = Answers()
        let (_, dynamic) = try await make(answers)
        _ = try dynamic.current(PageSizes.self)
        #expect(dynamic.report.status == .degraded && dynamic.report.details == ["pageSizes": "defaults"])
        answers.set(2, usual: 20, most: 40)
        _ = await dynamic.readOnce()
        #expect(dynamic.report == ComponentReport(.up, details: ["pageSizes": "version 2"]))
        answers.set(3, usual: 20, most: 101)
        _ = await dynamic.readOnce()
        #expect(dynamic.report.status == .degraded && dynamic.report.details == ["pageSizes": "version 2"])
        #expect(dynamic.report.reason?.hasPrefix("pageSizes version 3 is refused: values.most must be") == true)
        #expect(dynamic.metrics().first?.samples.map(\.value) == [2])
    }
}
