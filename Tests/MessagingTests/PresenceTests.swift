import BusTesting
import Contracts
import Logging
import Reactor
import Synchronization
import TestSupport
import Testing

@testable import Messaging

@Suite("Presence", .timeLimit(.minutes(1))) struct PresenceTests {
    private static func user(_ id: Int64) -> UserID { UserID(rawValue: id) }

    @Test("a user who returns within the grace period was never offline; one who stays away is announced once")
    func blink() {
        let start = ContinuousClock.now
        let device = SessionID(rawValue: 9)
        var table = PresenceTable()
        var isNews = table.connect(Self.user(1), device)
        #expect(isNews)
        table.disconnect(Self.user(1), device, at: start)
        var gone = table.expire(now: start + .seconds(2))
        #expect(gone.users.isEmpty && gone.devices.isEmpty)
        isNews = table.connect(Self.user(1), device)
        #expect(!isNews)
        table.disconnect(Self.user(1), device, at: start + .seconds(3))
        #expect(table.isOnline(Self.user(1)))
        gone = table.expire(now: start + .seconds(5))
        #expect(gone.users.isEmpty && gone.devices.isEmpty)
        gone = table.expire(now: start + .seconds(6))
        #expect(gone.users == [Self.user(1)] && gone.devices.map(\.session) == [device])
        gone = table.expire(now: start + .seconds(7))
        #expect(gone.users.isEmpty && gone.devices.isEmpty)
        isNews = table.connect(Self.user(1), device)
        #expect(isNews)
    }

    @Test("a user is online while one device is; each device departs by itself")
    func severalDevices() {
        let start = ContinuousClock.now
        let (phone, laptop) = (SessionID(rawValue: 5), SessionID(rawValue: 6))
        var table = PresenceTable()
        var news = table.connect(Self.user(1), phone)
        #expect(news)
        news = table.connect(Self.user(1), laptop)
        #expect(!news)
        table.disconnect(Self.user(1), phone, at: start)
        // Reported again when its session is removed.
        table.disconnect(Self.user(1), phone, at: start + .seconds(2))
        var gone = table.expire(now: start + .seconds(3))
        #expect(gone.users.isEmpty && gone.devices.map(\.session) == [phone])
        table.disconnect(Self.user(1), phone, at: start + .seconds(4))
        table.disconnect(Self.user(1), laptop, at: start + .seconds(4))
        gone = table.expire(now: start + .seconds(7))
        #expect(gone.users == [Self.user(1)] && gone.devices.map(\.session) == [laptop])
        #expect(!table.isOnline(Self.user(1)))
    }

    @Test("a moved user is offline here at once, with all devices")
    func movedAway() {
        var table = PresenceTable()
        for session in [5, 6] as [Int64] { _ = table.connect(Self.user(1), SessionID(rawValue: session)) }
        let was = table.move(Self.user(1))
        let isAgain = table.move(Self.user(1))
        #expect(was && !isAgain && !table.isOnline(Self.user(1)))
        let gone = table.expire(now: .now)
        #expect(gone.users.isEmpty && gone.devices.map(\.session.rawValue) == [5, 6])
        #expect(table.removeAll().isEmpty)
    }

    @Test("shown presence is remembered until it is corrected or its watcher disconnects")
    func shown() {
        var shown = ShownPresence()
        shown.record(Self.user(1), online: true, to: [Self.user(2), Self.user(3), Self.user(1)])
        shown.record(Self.user(4), online: true, to: [Self.user(2)])
        shown.record(Self.user(1), online: false, to: [Self.user(3)])
        #expect(shown.contacts { _ in true } == [Self.user(2): [Self.user(1), Self.user(4)]])
        #expect(shown.contacts { $0 == Self.user(4) } == [Self.user(2): [Self.user(4)]])
        shown.forget(Self.user(2))
        #expect(shown.contacts { _ in true }.isEmpty)
    }

    @Test("each device's last seen time is recorded, also while other devices stay and when they are moved")
    func devices() async throws {
        try await TestGateway.with { gateway in
            gateway.bus.answer(ListPresenceContacts.self) { _ in .init(contacts: []) }
            gateway.bus.answer(RecordLastSeen.self) { _ in EmptyResponse() }
            func noted() -> [Int64] { gateway.bus.asked(RecordLastSeen.self).flatMap(\.users).map(\.sessionID.rawValue) }
            let (phone, laptop) = (try await gateway.client(1, session: 5), try await gateway.client(1, session: 6))
            await phone.send(RawClient.frame(8))
            _ = try await phone.readToClose()
            try await eventually("its end") { await gateway.connections == 1 ? () : nil }
            await gateway.actor.tick(now: .now + .seconds(2))
            #expect(noted() == [])
            await gateway.actor.tick(now: .now + .seconds(4))
            try await eventually("the phone's end is noted") { noted() == [5] ? () : nil }
            await gateway.assign(PartitionSet(), epoch: 2)
            #expect(try await laptop.readToClose().code == 4_001)
            await gateway.actor.tick(now: .now + .seconds(5))
            try await eventually("the laptop's end is noted") { noted() == [5, 6] ? () : nil }
        }
    }

    @Test("after partitions have moved, contacts are asked again, and former contacts are shown as offline")
    func askAgain() async throws {
        let (bus, io, delivered, shown) = (
            StubBus(), IOThread(name: "presence"), ValueRecorder<Delivery>(), ValueRecorder<ServerFrame.Text>()
        )
        bus.answer(ListPresenceContacts.self) { _ in .init(contacts: [1, 2].map { .init(userID: Self.user($0)) }) }
        let desk = PresenceService(
            bus: bus, deliver: { delivered.add($0) }, returnTime: .zero, on: io,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        await desk.start { _, text in shown.add(text) }
        await desk.apply(.connected(Self.user(9), SessionID(rawValue: 9)))
        try await eventually("the first question") { delivered.count == 1 ? () : nil }
        for contact in [1, 2] as [Int64] {
            await desk.apply(.received(.init(kind: .news, userID: Self.user(contact), online: true), online: [Self.user(9)]))
        }
        bus.answer(ListPresenceContacts.self) { _ in throw ServiceError(.unavailable, "away") }
        await desk.partitionsReassigned { _ in true }
        try await eventually("asked in vain") { bus.asked(ListPresenceContacts.self).count > 2 ? () : nil }
        #expect(shown.count == 0 && delivered.count == 1)
        bus.answer(ListPresenceContacts.self) { _ in .init(contacts: [.init(userID: Self.user(2))]) }
        try await eventually("the second question") { delivered.count == 2 ? () : nil }
        #expect(shown.all == [ServerFrame.presence(Self.user(1), online: false)])
        let question = try #require(delivered.all.last?.items.first)
        #expect(question.recipients == [Self.user(2)] && question.presence?.kind == .question)
        // No contact answers.
        try await eventually("silence") { shown.count == 2 ? () : nil }
        #expect(shown.all.last == ServerFrame.presence(Self.user(2), online: false))
    }

    @Test("a user who left while their contacts were being read is not announced as online after they were announced as gone")
    func leftMeanwhile() async throws {
        let (bus, io, sent, mayAnswer) = (StubBus(), IOThread(name: "presence"), ValueRecorder<Delivery>(), OneShotSignal<Void>())
        let isSlow = Mutex(true)
        bus.answer(ListPresenceContacts.self) { _ in
            if isSlow.withLock({ slow in
                defer { slow = false }; return slow
            }) {
                await mayAnswer.value
            }
            return .init(contacts: [.init(userID: Self.user(7))])
        }
        bus.answer(RecordLastSeen.self) { _ in EmptyResponse() }
        let desk = PresenceService(
            bus: bus, deliver: { sent.add($0) }, on: io, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        await desk.apply(.connected(Self.user(1), SessionID(rawValue: 1)))
        try await eventually("the slow request") { bus.asked(ListPresenceContacts.self).count == 1 ? () : nil }
        await desk.apply(.disconnected(Self.user(1), SessionID(rawValue: 1)))
        await desk.tick(now: .now + .seconds(4))
        try await eventually("the announcement that the user is gone") { sent.count == 1 ? () : nil }
        mayAnswer.send()
        // Whatever the late answer causes comes before these.
        for user in 2...6 as ClosedRange<Int64> {
            await desk.apply(.connected(Self.user(user), SessionID(rawValue: user)))
            try await eventually("an announcement") { sent.all.last?.items.first?.presence?.userID == Self.user(user) ? () : nil }
        }
        let announced = sent.all.flatMap(\.items).compactMap(\.presence).filter { $0.userID == Self.user(1) }
        #expect(announced == [.init(kind: .news, userID: Self.user(1), online: false)])
    }

    @Test("at shutdown the last seen time of all devices is recorded, in batches")
    func close() async throws {
        let (bus, io) = (StubBus(), IOThread(name: "presence"))
        bus.answer(ListPresenceContacts.self) { _ in .init(contacts: []) }
        bus.answer(RecordLastSeen.self) { _ in EmptyResponse() }
        let desk = PresenceService(
            bus: bus, deliver: { _ in }, on: io, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        for id in 1...300 as ClosedRange<Int64> { await desk.apply(.connected(Self.user(id), SessionID(rawValue: id))) }
        await desk.close()
        let noted = bus.asked(RecordLastSeen.self).map(\.users)
        #expect(noted.map(\.count) == [256, 44])
        #expect(Set(noted.joined().map(\.userID)).count == 300)
        await desk.close()
        #expect(bus.asked(RecordLastSeen.self).count == 2)
    }
}
