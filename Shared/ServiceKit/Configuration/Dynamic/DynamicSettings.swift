import Bus
import Configuration
import Contracts
import Logging
import ServiceLifecycle
import Synchronization

/// Keeps the settings that admins change at run time equal to those of `config`.
///
/// It reads all sections at the start, after each notice, after each loss of that feed, and about every 15 s.
/// No caller waits for it: the defaults apply until the first response, and the last values while `config` is
/// unreachable. Pass it to ``ServiceContext/run(_:migrate:)`` after the bus.
package final class DynamicSettings: Service {
    /// Reads all sections from `config`.
    typealias Read = @Sendable () async throws -> [ConfigSection]

    private struct State {
        var sections = AcceptedSections()
        /// The states that all observers have applied: those that this process really uses.
        var applied: [String: AcceptedSections.State] = [:]
        /// Called when a section changes, by its name.
        var observers: [String: [@Sendable () -> Void]] = [:]
        /// The fields that the environment or file of this process sets, so that admins cannot change them
        /// here.
        var overridden: [String: [String]] = [:]
        /// The reason why the last read failed.
        var lastFailure: String? = "not read yet"
    }

    private let settings: Settings
    private let values: MutableInMemoryProvider
    private let read: Read
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let state = Mutex(State())
    private let refreshRequests: AsyncStream<Void>
    private let requestRefresh: AsyncStream<Void>.Continuation

    /// The time between reads without a notice, which bounds the effect of a lost notice.
    static let interval = Duration.seconds(15)
    private static let backoff = (first: Duration.milliseconds(250), longest: Duration.seconds(4))

    /// - Parameters:
    ///   - settings: the settings that contain `values`.
    ///   - values: the provider that receives accepted values.
    init(
        _ settings: Settings, values: MutableInMemoryProvider, clock: any Clock<Duration> = ContinuousClock(), logger: Logger,
        read: @escaping Read
    ) {
        self.settings = settings
        self.values = values
        self.clock = clock
        self.logger = logger
        self.read = read
        (refreshRequests, requestRefresh) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: Use

    /// Returns a section that is updated at every change. Reading it is cheap.
    package func current<Section: DynamicSection>(_: Section.Type = Section.self) throws(ConfigurationError) -> CurrentValue<
        Section
    > {
        let current = CurrentValue(try Section(settings))
        try follow(Section.self) { current.set($0) }
        return current
    }

    /// Calls `body` with a section now and after every change, on any thread.
    package func follow<Section: DynamicSection>(
        _: Section.Type = Section.self, _ body: @escaping @Sendable (Section) -> Void
    ) throws(ConfigurationError) {
        body(try Section(settings))
        let observer: @Sendable () -> Void = { [settings, logger] in
            do {
                body(try Section(settings))
            } catch {
                logger.error(
                    "section not applied", metadata: ["section": "\(Section.schema.name)", "error": "\(error)"])
            }
        }
        // Before the first read from `config`, only the environment and the file set fields.
        let overridden = Section.schema.fields.filter { (try? settings.optional($0.setting)) != nil }.map(\.name)
        state.withLock { state in
            state.observers[Section.schema.name, default: []].append(observer)
            state.overridden[Section.schema.name] = overridden.isEmpty ? nil : overridden
        }
    }

    // MARK: Updates

    /// The notices of changes; register it with the bus.
    package var feed: EventSubscription {
        var feed = EventSubscription()
        feed.on(SectionChanged.self) { [requestRefresh] _, _ in requestRefresh.yield() }
        // Also after each loss of the feed, because notices may have been missed.
        feed.onStart { [requestRefresh] in requestRefresh.yield() }
        return feed
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var requests = self.refreshRequests.makeAsyncIterator()
            var pause = Self.backoff.first
            while !Task.isCancelled {
                let succeeded = await self.refresh()
                // Jittered, so that processes do not read at the same moment.
                await self.wait(atMost: succeeded ? Self.interval * Double.random(in: 0.8...1.2) : pause, for: &requests)
                pause = succeeded ? Self.backoff.first : min(pause * 2, Self.backoff.longest)
            }
        }
    }

    /// Waits for a request to refresh, including one since the last wait.
    private func wait(atMost limit: Duration, for requests: inout AsyncStream<Void>.AsyncIterator) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [clock, requestRefresh] in
                do { try await clock.sleep(for: limit) } catch { return }
                requestRefresh.yield()
            }
            _ = await requests.next()
            group.cancelAll()
        }
    }

    /// Reads all sections and applies them. Returns whether the read succeeded.
    func refresh() async -> Bool {
        do {
            apply(try await read())
            return true
        } catch {
            let isFirstFailure = state.withLock { state in
                defer { state.lastFailure = "\(error)" }
                return state.lastFailure == nil
            }
            if isFirstFailure { logger.notice("configuration read failed", metadata: ["error": "\(error)"]) }
            return false
        }
    }

    private func apply(_ sections: [ConfigSection]) {
        let (outcome, states) = state.withLock { state in
            state.lastFailure = nil
            let outcome = state.sections.apply(sections)
            // Inside the lock, so that the later of two responses wins.
            for name in outcome.changed { store(state.sections.states[name]?.accepted?.values ?? [:], section: name) }
            return (outcome, state.sections.states)
        }
        for name in outcome.rejected {
            let rejected = states[name]?.rejected
            logger.error(
                "section rejected, last accepted values kept",
                metadata: ["section": "\(name)", "version": "\(rejected?.version ?? 0)", "reason": "\(rejected?.reason ?? "")"])
        }
        for name in outcome.changed {
            logger.info(
                "section changed", metadata: ["section": "\(name)", "version": "\(states[name]?.accepted?.version ?? 0)"])
            for observer in state.withLock({ $0.observers[name] ?? [] }) { observer() }
        }
        state.withLock { $0.applied = states }
    }

    private func store(_ values: [String: SettingValue], section: String) {
        for (field, value) in values {
            self.values.setValue(ConfigValue(value.content, isSecret: false), forKey: AbsoluteConfigKey([section, field]))
        }
    }

    // MARK: Reports

    /// The state for `/healthz`: the version of each section in use, overridden fields and rejected versions.
    package var report: ComponentReport {
        let (states, used, overridden, failure) = observed
        let details = Dictionary(
            uniqueKeysWithValues: used.map { name in
                let version = states[name]?.accepted.map { "version \($0.version)" } ?? "defaults"
                return (name, overridden[name].map { "\(version); overridden here: \($0.joined(separator: ", "))" } ?? version)
            })
        let rejections = used.compactMap { name in
            states[name]?.rejected.map { "\(name) version \($0.version) is rejected: \($0.reason)" }
        }
        let reasons = rejections + (failure.map { ["the configuration cannot be read: \($0)"] } ?? [])
        return reasons.isEmpty
            ? ComponentReport(.up, details: details)
            : ComponentReport(.degraded, reasons.joined(separator: "; "), details: details)
    }

    func metrics() -> [CollectedMetric] {
        let (states, used, _, _) = observed
        let versions = used.map { (labels: [("section", $0)], value: Double(states[$0]?.accepted?.version ?? 0)) }
        return [
            CollectedMetric(
                "martlet_configuration_version", .gauge, help: "Version of a section that is in use; 0 for the defaults.",
                samples: versions)
        ]
    }

    private var observed:
        (states: [String: AcceptedSections.State], used: [String], overridden: [String: [String]], failure: String?)
    {
        state.withLock { ($0.applied, $0.observers.keys.sorted(), $0.overridden, $0.lastFailure) }
    }
}

extension SettingValue {
    fileprivate var content: ConfigContent {
        switch self {
        case .flag(let flag): .bool(flag)
        case .whole(let whole): .int(Int(whole))
        case .number(let number): .double(number)
        case .text(let text): .string(text)
        case .other: .string("")
        }
    }
}

extension ServiceContext {
    /// Adds the settings that admins change at run time to ``settings``, and applies them to the circuit
    /// breakers.
    ///
    /// Call it once, before the bus runs. Pass the result to ``run(_:migrate:)`` after the bus.
    ///
    /// ```swift
    /// let dynamic = try context.dynamic(bus)
    /// let pages = try dynamic.current(PageSizes.self)  // pages.now
    /// ```
    package func dynamic(_ bus: Bus, clock: any Clock<Duration> = ContinuousClock()) throws(ConfigurationError) -> DynamicSettings
    {
        let dynamic = DynamicSettings(settings, values: dynamicValues, clock: clock, logger: logger) {
            try await bus.call(ListSections()).items
        }
        bus.subscribe(dynamic.feed)
        health.add("configuration", .detail) { dynamic.report }
        metrics.onCollect { dynamic.metrics() }
        try dynamic.follow(CircuitBreakerPolicy.self) { [breakers] in breakers.use($0) }
        return dynamic
    }
}
