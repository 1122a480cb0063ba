import Bus
import Configuration
import Contracts
import Logging
import ServiceLifecycle
import Synchronization

/// Keeps the part of the settings that admins change as `config` has it: read at the start, when told of a change, after every loss of that feed, and now and then.
///
/// Nobody waits for it: until `config` has answered the defaults hold, and while it is away what it said last. Give it to ``ServiceContext/run(_:migrate:)`` behind the bus.
package final class DynamicSettings: Service {
    /// Reads all sections.
    typealias Read = @Sendable () async throws -> [ConfigSection]

    private struct State {
        var sections = KeptSections()
        /// What all followers have been told of: what this process really runs with.
        var inUse: [String: KeptSections.State] = [:]
        /// Told when a section changes, by its name.
        var followers: [String: [@Sendable () -> Void]] = [:]
        /// What no admin can change in this process, as its environment or file says it.
        var fixed: [String: [String]] = [:]
        /// Why the last reading failed.
        var trouble: String? = "not read yet"
    }

    private let settings: Settings
    private let values: MutableInMemoryProvider
    private let read: Read
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let state = Mutex(State())
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    /// How often all is read without being told; a notice that got lost costs no more than that.
    static let interval = Duration.seconds(15)
    private static let patience = (first: Duration.milliseconds(250), longest: Duration.seconds(4))

    /// - Parameters:
    ///   - settings: those that `values` are part of.
    ///   - values: where what is acceptable goes.
    init(
        _ settings: Settings, values: MutableInMemoryProvider, clock: any Clock<Duration> = ContinuousClock(), logger: Logger,
        read: @escaping Read
    ) {
        (self.settings, self.values, self.clock, self.logger, self.read) = (settings, values, clock, logger, read)
        (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: Those who use it

    /// A section as it is now, kept ready for those who ask often.
    package func current<Section: DynamicSection>(_: Section.Type = Section.self) throws(ConfigurationError) -> CurrentValue<
        Section
    > {
        let live = CurrentValue(try Section(settings))
        try follow(Section.self) { live.set($0) }
        return live
    }

    /// Calls `body` with a section now and whenever it has changed; on any thread.
    package func follow<Section: DynamicSection>(
        _: Section.Type = Section.self, _ body: @escaping @Sendable (Section) -> Void
    ) throws(ConfigurationError) {
        body(try Section(settings))
        let again: @Sendable () -> Void = { [settings, logger] in
            do {
                body(try Section(settings))
            } catch {
                logger.error("a section cannot be used", metadata: ["section": "\(Section.schema.name)", "error": "\(error)"])
            }
        }
        // Nothing has come from `config` yet: what is set now is set by others.
        let fixed = Section.schema.fields.filter { $0.isSet(settings) }.map(\.name)
        state.withLock { state in
            state.followers[Section.schema.name, default: []].append(again)
            state.fixed[Section.schema.name] = fixed.isEmpty ? nil : fixed
        }
    }

    // MARK: Its life

    /// What to give to the bus.
    package var feed: EventSubscription {
        var feed = EventSubscription()
        feed.on(SectionChanged.self) { [wake] _, _ in wake.yield() }
        // Also after every loss: whatever was told meanwhile is in the answer.
        feed.onStart { [wake] in wake.yield() }
        return feed
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var wakes = self.wakes.makeAsyncIterator()
            var pause = Self.patience.first
            while !Task.isCancelled {
                let isRead = await self.readOnce()
                // Spread, so that not all processes ask at one moment.
                await self.wait(isRead ? Self.interval * Double.random(in: 0.8...1.2) : pause, or: &wakes)
                pause = isRead ? Self.patience.first : min(pause * 2, Self.patience.longest)
            }
        }
    }

    /// Until something is told, also since the last time; so long at most.
    private func wait(_ limit: Duration, or wakes: inout AsyncStream<Void>.AsyncIterator) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [clock, wake] in
                do { try await clock.sleep(for: limit) } catch { return }
                wake.yield()
            }
            _ = await wakes.next()
            group.cancelAll()
        }
    }

    /// Whether there was an answer.
    func readOnce() async -> Bool {
        do {
            take(try await read())
            return true
        } catch {
            let isNews = state.withLock { state in
                defer { state.trouble = "\(error)" }
                return state.trouble == nil
            }
            if isNews { logger.notice("the configuration cannot be read", metadata: ["error": "\(error)"]) }
            return false
        }
    }

    private func take(_ sections: [ConfigSection]) {
        let (outcome, states) = state.withLock { state in
            state.trouble = nil
            let outcome = state.sections.take(sections)
            // Under the lock, so that of two answers the later one stays.
            for name in outcome.changed { store(state.sections.states[name]?.kept?.values ?? [:], of: name) }
            return (outcome, state.sections.states)
        }
        for name in outcome.refused {
            let refused = states[name]?.refused
            logger.error(
                "a section is refused; the last good values go on",
                metadata: ["section": "\(name)", "version": "\(refused?.version ?? 0)", "reason": "\(refused?.reason ?? "")"])
        }
        for name in outcome.changed {
            logger.info(
                "a section has changed", metadata: ["section": "\(name)", "version": "\(states[name]?.kept?.version ?? 0)"])
            for follower in state.withLock({ $0.followers[name] ?? [] }) { follower() }
        }
        state.withLock { $0.inUse = states }
    }

    private func store(_ section: [String: SettingValue], of name: String) {
        for (field, value) in section {
            values.setValue(ConfigValue(value.content, isSecret: false), forKey: AbsoluteConfigKey([name, field]))
        }
    }

    // MARK: What it tells

    /// For `/healthz`: the version of each section that is used here, and what of it is not as `config` has it.
    package var report: ComponentReport {
        let (states, used, fixed, trouble) = observed
        let details = Dictionary(
            uniqueKeysWithValues: used.map { name in
                let version = states[name]?.kept.map { "version \($0.version)" } ?? "defaults"
                return (name, fixed[name].map { "\(version); fixed here: \($0.joined(separator: ", "))" } ?? version)
            })
        let refused = used.compactMap { name in
            states[name]?.refused.map { "\(name) version \($0.version) is refused: \($0.reason)" }
        }
        let reasons = refused + (trouble.map { ["it cannot be read: \($0)"] } ?? [])
        return reasons.isEmpty
            ? ComponentReport(.up, details: details)
            : ComponentReport(.degraded, reasons.joined(separator: "; "), details: details)
    }

    func metrics() -> [CollectedMetric] {
        let (states, used, _, _) = observed
        let versions = used.map { (labels: [("section", $0)], value: Double(states[$0]?.kept?.version ?? 0)) }
        return [
            CollectedMetric(
                "martlet_configuration_version", .gauge, "Version of a section that is in use; 0 for the defaults.", versions)
        ]
    }

    private var observed: (states: [String: KeptSections.State], used: [String], fixed: [String: [String]], trouble: String?) {
        state.withLock { ($0.inUse, $0.followers.keys.sorted(), $0.fixed, $0.trouble) }
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
