import BusTesting
import Contracts
import Logging
import Reactor
import Testing

@testable import Messaging

@Suite("Presence") struct PresenceTests {
    private static func user(_ id: Int64) -> UserID { UserID(rawValue: id) }

    @Test("whoever blinks was never gone; whoever stays away is told once")
    func blink() {
        let start = ContinuousClock.now
        var table = PresenceTable()
        var isNews = table.came(Self.user(1), SessionID(rawValue: 9))
        #expect(isNews)
        table.left(Self.user(1), at: start)
        var gone = table.gone(now: start + .seconds(2))
        #expect(gone.isEmpty)
        isNews = table.came(Self.user(1), SessionID(rawValue: 9))
        #expect(!isNews)
        table.left(Self.user(1), at: start + .seconds(3))
        #expect(table.isOnline(Self.user(1)))
        gone = table.gone(now: start + .seconds(6))
        #expect(gone.map(\.user) == [Self.user(1)])
        gone = table.gone(now: start + .seconds(7))
        #expect(gone.isEmpty)
        isNews = table.came(Self.user(1), SessionID(rawValue: 9))
        #expect(isNews)
    }

    @Test("what was shown is known until it is taken back, or whoever saw it is gone")
    func shown() {
        var shown = PresenceShown()
        shown.note(Self.user(1), online: true, to: [Self.user(2), Self.user(3), Self.user(1)])
        shown.note(Self.user(4), online: true, to: [Self.user(2)])
        shown.note(Self.user(1), online: false, to: [Self.user(3)])
        #expect(shown.seen { _ in true } == [Self.user(2): [Self.user(1), Self.user(4)]])
        #expect(shown.seen { $0 == Self.user(4) } == [Self.user(2): [Self.user(4)]])
        shown.forget(Self.user(2))
        #expect(shown.seen { _ in true }.isEmpty)
    }

    @Test("partitions have moved when another instance has them, or nobody")
    func moved() {
        func routes(_ partitions: [String: [Int]]) -> Routes {
            Routes(
                epoch: 1, partitionCount: 8,
                instances: partitions.map { .init(name: $0.key, url: "ws://x", partitions: PartitionSet($0.value)) })
        }
        let before = routes(["a": [0, 1, 2], "b": [3, 4]])
        #expect(routes(["a": [0, 1], "b": [2, 3], "c": [5]]).moved(since: before) == PartitionSet([2, 4]))
        #expect(routes(["b": [3, 4]]).moved(since: before) == PartitionSet([0, 1, 2]))
        #expect(before.moved(since: before).isEmpty)
        #expect(before.moved(since: nil).isEmpty)
    }

    @Test("when the process ends it is noted of everybody when they were last here, many at a time")
    func close() async throws {
        let (bus, io) = (StubBus(), IOThread(name: "presence"))
        bus.answer(ListContacts.self) { _ in .init(contacts: []) }
        bus.answer(NoteSeen.self) { _ in Done() }
        let desk = PresenceDesk(
            bus: bus, deliver: { _ in }, on: io, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        for id in 1...300 as ClosedRange<Int64> { await desk.came(Self.user(id), SessionID(rawValue: id)) }
        await desk.close()
        let noted = bus.asked(NoteSeen.self).map(\.users)
        #expect(noted.map(\.count) == [256, 44])
        #expect(Set(noted.joined().map(\.userID)).count == 300)
        await desk.close()
        #expect(bus.asked(NoteSeen.self).count == 2)
    }
}
