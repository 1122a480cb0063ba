import BusTesting
import Contracts
import Logging
import Reactor
import TestSupport
import Testing

@testable import Messaging

@Suite("Presence", .timeLimit(.minutes(1))) struct PresenceTests {
    private static func user(_ id: Int64) -> UserID { UserID(rawValue: id) }

    @Test("whoever blinks was never gone; whoever stays away is told once")
    func blink() {
        let start = ContinuousClock.now
        let device = SessionID(rawValue: 9)
        var table = PresenceTable()
        var isNews = table.came(Self.user(1), device)
        #expect(isNews)
        table.left(Self.user(1), device, at: start)
        var gone = table.gone(now: start + .seconds(2))
        #expect(gone.users.isEmpty && gone.devices.isEmpty)
        isNews = table.came(Self.user(1), device)
        #expect(!isNews)
        table.left(Self.user(1), device, at: start + .seconds(3))
        #expect(table.isOnline(Self.user(1)))
        gone = table.gone(now: start + .seconds(5))
        #expect(gone.users.isEmpty && gone.devices.isEmpty)
        gone = table.gone(now: start + .seconds(6))
        #expect(gone.users == [Self.user(1)] && gone.devices.map(\.session) == [device])
        gone = table.gone(now: start + .seconds(7))
        #expect(gone.users.isEmpty && gone.devices.isEmpty)
        isNews = table.came(Self.user(1), device)
        #expect(isNews)
    }

    @Test("whoever has several devices is there as long as one is; each is gone by itself")
    func severalDevices() {
        let start = ContinuousClock.now
        let (phone, laptop) = (SessionID(rawValue: 5), SessionID(rawValue: 6))
        var table = PresenceTable()
        var news = table.came(Self.user(1), phone)
        #expect(news)
        news = table.came(Self.user(1), laptop)
        #expect(!news)
        table.left(Self.user(1), phone, at: start)
        // Said again when its line is forgotten.
        table.left(Self.user(1), phone, at: start + .seconds(2))
        var gone = table.gone(now: start + .seconds(3))
        #expect(gone.users.isEmpty && gone.devices.map(\.session) == [phone])
        table.left(Self.user(1), phone, at: start + .seconds(4))
        table.left(Self.user(1), laptop, at: start + .seconds(4))
        gone = table.gone(now: start + .seconds(7))
        #expect(gone.users == [Self.user(1)] && gone.devices.map(\.session) == [laptop])
        #expect(!table.isOnline(Self.user(1)))
    }

    @Test("whoever is moved away is gone from here at once, with all devices")
    func movedAway() {
        var table = PresenceTable()
        for session in [5, 6] as [Int64] { _ = table.came(Self.user(1), SessionID(rawValue: session)) }
        let was = table.moved(Self.user(1))
        let isAgain = table.moved(Self.user(1))
        #expect(was && !isAgain && !table.isOnline(Self.user(1)))
        let gone = table.gone(now: .now)
        #expect(gone.users.isEmpty && gone.devices.map(\.session.rawValue) == [5, 6])
        #expect(table.all().isEmpty)
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

    @Test("of each device it is noted when it was last here, also while its user's others stay, and when they are moved away")
    func devices() async throws {
        try await Gateway.with { gateway in
            gateway.bus.answer(ListPresenceContacts.self) { _ in .init(contacts: []) }
            gateway.bus.answer(RecordLastSeen.self) { _ in EmptyResponse() }
            func noted() -> [Int64] { gateway.bus.asked(RecordLastSeen.self).flatMap(\.users).map(\.sessionID.rawValue) }
            let (phone, laptop) = (try await gateway.client(1, session: 5), try await gateway.client(1, session: 6))
            await phone.send(RawClient.frame(8))
            _ = try await phone.end()
            try await eventually("its end") { await gateway.connections == 1 ? () : nil }
            await gateway.hub.tick(now: .now + .seconds(2))
            #expect(noted() == [])
            await gateway.hub.tick(now: .now + .seconds(4))
            try await eventually("the phone's end is noted") { noted() == [5] ? () : nil }
            await gateway.assign(PartitionSet(), epoch: 2)
            #expect(try await laptop.end().code == 4_001)
            await gateway.hub.tick(now: .now + .seconds(5))
            try await eventually("the laptop's end is noted") { noted() == [5, 6] ? () : nil }
        }
    }

    @Test("after partitions have moved today's contacts are asked, and whoever is none any more is taken back, unasked")
    func askAgain() async throws {
        let (bus, io, told, shown) = (
            StubBus(), IOThread(name: "presence"), ValueRecorder<Delivery>(), ValueRecorder<ServerFrame.Text>()
        )
        bus.answer(ListPresenceContacts.self) { _ in .init(contacts: [1, 2].map { .init(userID: Self.user($0)) }) }
        let desk = PresenceDesk(
            bus: bus, deliver: { told.add($0) }, returnTime: .zero, on: io,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        await desk.begin { _, text in shown.add(text) }
        _ = await desk.came(Self.user(9), SessionID(rawValue: 9))
        try await eventually("the first question") { told.count == 1 ? () : nil }
        for contact in [1, 2] as [Int64] {
            await desk.heard(.init(kind: .news, userID: Self.user(contact), online: true), present: [Self.user(9)])
        }
        bus.answer(ListPresenceContacts.self) { _ in throw ServiceError(.unavailable, "away") }
        await desk.changedHands { _ in true }
        try await eventually("asked in vain") { bus.asked(ListPresenceContacts.self).count > 2 ? () : nil }
        #expect(shown.count == 0 && told.count == 1)
        bus.answer(ListPresenceContacts.self) { _ in .init(contacts: [.init(userID: Self.user(2))]) }
        try await eventually("the second question") { told.count == 2 ? () : nil }
        #expect(shown.all == [ServerFrame.presence(Self.user(1), online: false)])
        let question = try #require(told.all.last?.items.first)
        #expect(question.recipients == [Self.user(2)] && question.presence?.kind == .question)
        // Nobody answers.
        try await eventually("silence") { shown.count == 2 ? () : nil }
        #expect(shown.all.last == ServerFrame.presence(Self.user(2), online: false))
    }

    @Test("when the process ends it is noted of everybody when they were last here, many at a time")
    func close() async throws {
        let (bus, io) = (StubBus(), IOThread(name: "presence"))
        bus.answer(ListPresenceContacts.self) { _ in .init(contacts: []) }
        bus.answer(RecordLastSeen.self) { _ in EmptyResponse() }
        let desk = PresenceDesk(
            bus: bus, deliver: { _ in }, on: io, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        for id in 1...300 as ClosedRange<Int64> { await desk.came(Self.user(id), SessionID(rawValue: id)) }
        await desk.close()
        let noted = bus.asked(RecordLastSeen.self).map(\.users)
        #expect(noted.map(\.count) == [256, 44])
        #expect(Set(noted.joined().map(\.userID)).count == 300)
        await desk.close()
        #expect(bus.asked(RecordLastSeen.self).count == 2)
    }
}
