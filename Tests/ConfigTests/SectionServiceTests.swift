import Bus
import Contracts
import Postgres
import ServiceKit
import TestSupport
import Testing

@testable import Config

@Suite("Sections over the bus", .timeLimit(.minutes(5))) struct SectionServiceTests {
    private let smaller: [String: SettingValue] = ["usual": .whole(20), "most": .whole(40)]

    @Test("a change made through one process is readable through another, and every reader applies it at once")
    func change() async throws {
        try await ConfigWorld.with { world async throws in
            // The clock does not advance: a reader has the change only if it received the notice.
            let clock = ManualClock()
            try await world.config(1) {
                try await world.config(2) {
                    try await world.reader("bff", clock: clock) { bff in
                        try await world.reader("users", clock: clock) { users in
                            for reader in [bff, users] { try await reader.begins(clock) }
                            #expect(bff.pages.now == PageSizes())
                            let changed = try await bff.set(smaller, version: 1)
                            #expect(changed.version == 2 && changed.changedBy == UserID(rawValue: 5))
                            for reader in [bff, users] { try await reader.runs(with: 2) }
                            #expect(users.pages.now == PageSizes(usual: 20, most: 40))
                            #expect(try users.context.settings.value(PageSizes.most) == .whole(40))
                            #expect(bff.report?.status == .up)
                            for _ in 0..<4 {
                                let read = try await users.bus.call(GetSection(section: "pageSizes"))
                                #expect(read == changed)
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("a reader that starts before config runs with the defaults, and reads the sections once config starts")
    func late() async throws {
        try await ConfigWorld.with { world async throws in
            try await world.reader("bff") { bff in
                try await eventually("the health report shows the failure") {
                    bff.report?.reason?.contains("cannot be read") == true ? () : nil
                }
                #expect(bff.report?.status == .degraded && bff.report?.details?["pageSizes"] == "defaults")
                #expect(bff.pages.now == PageSizes())
                try await world.config { try await bff.runs(with: 1) }
                // The reader keeps the values when config stops.
                #expect(bff.report?.details?["pageSizes"] == "version 1")
            }
        }
    }

    @Test("an invalid change is rejected with every wrong field, and nothing is stored")
    func refused() async throws {
        try await ConfigWorld.with { world async throws in
            try await world.config {
                try await world.reader("bff") { bff in
                    let error = await #expect(throws: ServiceError.self) {
                        try await bff.set(["usual": .whole(0), "most": .text("40"), "mosst": .whole(1)], version: 1)
                    }
                    #expect(error?.code == .invalid)
                    #expect(error?.fields.map(\.field) == ["values.mosst", "values.usual", "values.most"])
                    #expect(error?.fields[1].message == "must be a whole number from 1 to 100")
                    let absent = await #expect(throws: ServiceError.self) { try await bff.set(["usual": .whole(5)], version: 1) }
                    #expect(absent?.fields.map(\.field) == ["values.most"])
                    let against = await #expect(throws: ServiceError.self) {
                        try await bff.set(["usual": .whole(50), "most": .whole(40)], version: 1)
                    }
                    #expect(against?.fields.map(\.message) == ["must be at most 40, as most is 40"])
                    let present = try await bff.bus.call(GetSection(section: "pageSizes"))
                    #expect(present.version == 1)
                    let unknown = await #expect(throws: ServiceError.self) {
                        try await bff.bus.call(GetSection(section: "nothing"))
                    }
                    #expect(unknown?.code == .notFound)
                }
            }
        }
    }

    @Test("a change of another version than the present one is stale, and the history names each author")
    func versions() async throws {
        try await ConfigWorld.with { world async throws in
            try await world.config {
                try await world.reader("bff") { bff in
                    _ = try await bff.set(smaller, version: 1)
                    let again = try await bff.set(smaller, version: 1)
                    #expect(again.version == 2)
                    let stale = await #expect(throws: ServiceError.self) {
                        try await bff.set(["usual": .whole(1), "most": .whole(1)], version: 1)
                    }
                    #expect(stale?.code == .stale)
                    let first = try await bff.bus.call(ListSectionChanges(section: "pageSizes", limit: 1))
                    #expect(first.items.map(\.version) == [2] && first.next == "2")
                    #expect(first.items[0].before == PageSizes.schema.defaults && first.items[0].after == smaller)
                    #expect(first.items[0].changedBy == UserID(rawValue: 5))
                    let rest = try await bff.bus.call(ListSectionChanges(section: "pageSizes", limit: 100, after: first.next))
                    #expect(rest.items.map(\.version) == [1] && rest.next == nil && rest.items[0].changedBy == nil)
                }
            }
        }
    }

    @Test("only the edge may change sections")
    func callers() async throws {
        try await ConfigWorld.with { world async throws in
            try await world.config {
                try await world.reader("users") { users in
                    let error = await #expect(throws: ServiceError.self) { try await users.set(smaller, version: 1) }
                    #expect(error?.code == .denied)
                    let sections = try await users.bus.call(ListSections()).items
                    #expect(sections.map(\.name) == Sections.all.map(\.name).sorted())
                }
            }
        }
    }

    @Test("a change whose notice was missed is read as soon as the feed is restored")
    func feedLost() async throws {
        try await ConfigWorld.with { world async throws in
            let clock = ManualClock()
            try await world.config {
                try await world.reader("bff", clock: clock) { bff in
                    try await bff.begins(clock)
                    try await storeSilently(world, smaller)
                    #expect(bff.report?.details?["pageSizes"] == "version 1")
                    try await world.closeConnection("bff-1 events")
                    try await bff.runs(with: 2)
                    #expect(bff.pages.now.usual == 20)
                }
            }
        }
    }

    @Test("a change whose notice was missed is read at the next periodic read")
    func noticeLost() async throws {
        try await ConfigWorld.with { world async throws in
            let clock = ManualClock()
            try await world.config {
                try await world.reader("bff", clock: clock) { bff in
                    try await bff.begins(clock)
                    try await storeSilently(world, smaller)
                    clock.advance(by: .seconds(18))
                    try await bff.runs(with: 2)
                }
            }
        }
    }

    @Test("a reader keeps its last valid values when new ones are invalid for it, and its health report says so")
    func unacceptable() async throws {
        try await ConfigWorld.with { world async throws in
            try await world.config {
                try await world.reader("bff") { bff in
                    try await bff.runs(with: 1)
                    _ = try await bff.set(smaller, version: 1)
                    try await bff.runs(with: 2)
                    // A release with wider ranges could store this.
                    try await storeSilently(world, ["usual": .whole(20), "most": .whole(500)])
                    try await world.closeConnection("bff-1 events")
                    try await eventually("the rejection") {
                        bff.report?.reason?.contains("version 3 is rejected") == true ? () : nil
                    }
                    #expect(bff.report?.status == .degraded)
                    #expect(bff.report?.reason?.contains("values.most must be a whole number from 1 to 100") == true)
                    #expect(bff.report?.details?["pageSizes"] == "version 2" && bff.pages.now.most == 40)
                    _ = try await bff.set(["usual": .whole(10), "most": .whole(30)], version: 3)
                    try await bff.runs(with: 4)
                    #expect(bff.report?.status == .up)
                }
            }
        }
    }

    @Test("the circuit breakers of a process follow the section")
    func breakers() async throws {
        try await ConfigWorld.with { world async throws in
            try await world.config {
                try await world.reader("bff") { bff in
                    let breaker = bff.context.breaker("users")
                    var values = CircuitBreakerPolicy.schema.defaults
                    values["minimumCalls"] = .whole(1)
                    _ = try await bff.set(values, version: 1, of: "circuitBreakers")
                    try await eventually("the new policy") {
                        bff.report?.details?["circuitBreakers"] == "version 2" ? () : nil
                    }
                    await #expect(throws: CancellationError.self) { try await breaker.run { throw CancellationError() } }
                    await #expect(throws: ServiceError.self) {
                        try await breaker.run { throw ServiceError(.deadlineExceeded, "late") }
                    }
                    await #expect(throws: CircuitOpen.self) { try await breaker.run {} }
                }
            }
        }
    }

    @Test("the environment overrides the section")
    func environment() async throws {
        try await ConfigWorld.with { world async throws in
            try await world.config {
                try await world.reader("bff", environment: ["MARTLET_PAGE_SIZES_MOST": "30"]) { bff in
                    _ = try await bff.set(smaller, version: 1)
                    try await bff.runs(with: 2)
                    #expect(bff.pages.now == PageSizes(usual: 20, most: 30))
                }
            }
        }
    }

    /// Stores new values without a notice.
    private func storeSilently(_ world: ConfigWorld, _ values: [String: SettingValue]) async throws {
        _ = try await SectionStore(database: world.database).revise("pageSizes") { present in
            var next = present
            (next.version, next.values) = (present.version + 1, values)
            return .change(next)
        }
    }
}
