import AMQP
import BusTesting
import Contracts
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Bus

@Suite("The outbox", .timeLimit(.minutes(3))) struct OutboxTests {
    @Test("a committed event is published at once as a CloudEvent, and its row is removed")
    func committed() async throws {
        try await EventWorld.with { world in
            try await world.declareListener()
            try await world.broker.bus(.users) { bus in
                let outbox = world.outbox(bus)
                let event = try await world.commit("Ada", id: 7)
                outbox.committed([event])
                let heard = try #require(try await world.heard(1).first)
                #expect(heard.routingKey == "users.test.renamed.v1")
                #expect(heard.properties.contentType == "application/json")
                #expect(heard.properties.deliveryMode == .persistent)
                #expect(heard.properties.userID == "users")
                #expect(heard.properties.headers["cloudEvents_specversion"] == "1.0")
                #expect(heard.properties.headers["cloudEvents_id"]?.string == event.id.description)
                #expect(heard.properties.headers["cloudEvents_source"] == "/martlet/users")
                #expect(heard.properties.headers["cloudEvents_type"] == "users.test.renamed.v1")
                #expect(heard.properties.headers["cloudEvents_time"]?.string == event.time.description)
                #expect(heard.properties.headers["cloudEvents_subject"] == "7")
                #expect(String(decoding: heard.body, as: UTF8.self).contains(#""name":"Ada""#))
                try await world.tableIsEmpty()
            }
        }
    }

    @Test("an event that was not published before a crash is found by the sweeper, and no younger one")
    func sweeper() async throws {
        try await eventually("a sweep in time") {
            try await EventWorld.with { world in
                try await world.declareListener()
                return try await world.broker.bus(.users) { try await sweep(world, $0) }
            }
        }
    }

    /// - Returns: `nil` if this machine stood still until the young one was old.
    private func sweep(_ world: EventWorld, _ bus: Bus) async throws -> Void? {
        let outbox = world.outbox(bus)
        let old = try await world.commit("old")
        try await world.age()
        let start = ContinuousClock.now
        let young = try await world.commit("young")
        _ = await outbox.sweep()
        if .now - start >= .seconds(2) { return nil }
        let heard = try await world.heard(1)
        #expect(heard.map { $0.properties.messageID } == [old.id.description])
        try await eventually("one row left") { try await world.rows == 1 ? () : nil }
        try await world.age()
        _ = await outbox.sweep()
        #expect(try await world.heard(1).map { $0.properties.messageID } == [young.id.description])
        try await world.tableIsEmpty()
        return ()
    }

    @Test("the preparation of a sweep runs before its events are published")
    func beforeSweeping() async throws {
        try await EventWorld.with { world in
            try await world.declareListener()
            try await world.broker.bus(.users) { bus in
                let outbox = world.outbox(bus)
                let event = try await world.commit("left")
                try await world.age()
                let seen = Mutex<[OutboxEvent]>([])
                let heardBefore = Mutex(0)
                outbox.beforeSweeping { events in
                    seen.withLock { $0 += events }
                    let waiting = try? await world.broker.raw { try $0.status(ofQueue: "all").messages }
                    heardBefore.withLock { $0 += Int(waiting ?? 0) }
                }
                _ = await outbox.sweep()
                #expect(try await world.heard(1).map { $0.properties.messageID } == [event.id.description])
                #expect(seen.withLock { $0 } == [event] && heardBefore.withLock { $0 } == 0)
            }
        }
    }

    @Test("while the broker is away events wait, and none is lost")
    func brokerAway() async throws {
        try await EventWorld.with { world in
            try await world.declareListener()
            var configuration = world.broker.configuration(of: .users)
            configuration.endpoint.port = 1
            let away = Bus(configuration, on: TestBroker.io, logger: TestBroker.logger)
            let event = try await world.commit("patient")
            world.outbox(away).committed([event])
            _ = await world.outbox(away).sweep()
            #expect(try await world.rows == 1)
            try await world.age()
            try await world.broker.bus(.users) { bus in
                _ = await world.outbox(bus).sweep()
                #expect(try await world.heard(1).map { $0.properties.messageID } == [event.id.description])
                try await world.tableIsEmpty()
            }
        }
    }

    @Test("concurrent sweepers claim different rows, and together all of them")
    func disjointClaims() async throws {
        try await EventWorld.with { world in
            for number in 0..<40 { _ = try await world.commit("\(number)") }
            try await world.age()
            let store = OutboxStore(pool: world.pool)
            let claims = try await withThrowingTaskGroup { group in
                for _ in 0..<6 { group.addTask { try await store.claim(atMost: 10).map(\.id) } }
                return try await group.reduce(into: [EventID]()) { $0 += $1 }
            }
            #expect(Set(claims).count == claims.count)
            let rest = try await store.claim(atMost: 100).map(\.id)
            #expect(Set(claims).isDisjoint(with: rest))
            #expect(claims.count + rest.count == 40)
            #expect(try await store.claim(atMost: 100).isEmpty)
        }
    }

    @Test("a row claimed by a sweeper that died is claimed again later")
    func expiredClaim() async throws {
        try await EventWorld.with { world in
            let event = try await world.commit("again")
            let store = OutboxStore(pool: world.pool)
            try await world.age()
            #expect(try await store.claim(atMost: 10).map(\.id) == [event.id])
            try await world.age(3)
            #expect(try await store.claim(atMost: 10).isEmpty)
            try await world.age(20)
            let again = try await store.claim(atMost: 10)
            #expect(again == [event])
        }
    }

    @Test("a stopping bus first publishes the committed events")
    func stopping() async throws {
        try await EventWorld.with { world in
            try await world.declareListener()
            try await world.broker.bus(.users) { bus in
                let outbox = world.outbox(bus)
                for number in 0..<300 { outbox.committed([try await world.commit("\(number)")]) }
            }
            #expect(try await world.heard(300).count == 300)
            #expect(try await world.rows == 0)
        }
    }

    @Test("an event id sorts by its time and is a UUID of version 7")
    func eventIDs() {
        let ids = (1...50).map { EventID(milliseconds: UInt64($0) * 1_000, random: (.max, .max)) }
        #expect(ids.map(\.description) == ids.map(\.description).sorted())
        #expect(ids[0].description == "00000000-03e8-7fff-bfff-ffffffffffff")
        #expect(EventID(ids[0].description) == ids[0])
        #expect(Set((0..<1_000).map { _ in EventID() }).count == 1_000)
    }
}

@Suite("The state of the outbox") struct OutboxStateTests {
    @Test("events are sent in order within the window, and removed together once confirmed")
    func life() {
        var line = OutboxState(.init(events: 10, bytes: 1_000, window: 2))
        let events = (0..<4).map(event)
        line.add(events + events)  // twice changes nothing
        #expect(line.unpublished == 4)
        let sent = [line.next(), line.next(), line.next()].map { $0?.id }
        #expect(sent == [events[0].id, events[1].id, nil])
        line.confirmed(events[0].id)
        let third = line.next()?.id
        #expect(third == events[2].id)
        let removal = line.startRemoval()
        #expect(removal == [events[0].id])
        line.confirmed(events[1].id)
        let tooEarly = line.startRemoval()
        #expect(tooEarly == nil)
        line.removed()
        let second = line.startRemoval()
        #expect(second == [events[1].id])
    }

    @Test("events that fail or do not fit are left to the sweeper")
    func bounds() {
        var line = OutboxState(.init(events: 2, bytes: 1_000, window: 2))
        let events = (0..<4).map(event)
        line.add(events)
        #expect(line.unpublished == 2)
        _ = line.next()
        line.failed(events[0].id)
        line.confirmed(events[0].id)  // too late
        #expect(line.unpublished == 1)
        line.giveUpWaiting()
        #expect(line.isIdle)
        var small = OutboxState(.init(events: 10, bytes: 5, window: 10))
        small.add(events)
        #expect(small.unpublished == 1)
    }

    @Test("a failed removal is repeated")
    func removalFails() {
        var line = OutboxState()
        let one = event(1)
        line.add([one])
        _ = line.next()
        line.confirmed(one.id)
        let ids = line.startRemoval() ?? []
        line.notRemoved(ids)
        #expect(!line.isIdle)
        let again = line.startRemoval()
        #expect(again == [one.id])
        line.removed()
        #expect(line.isIdle)
    }

    @Test("a row that is forwarded too is removed when both are confirmed, in either order", arguments: [true, false])
    func delivery(isFirst: Bool) {
        var line = OutboxState()
        let one = event(1)
        #expect(line.add([one], forwarded: []).isEmpty)
        let two = event(2)
        #expect(line.add([one, two], forwarded: [two.type]) == [two])
        _ = (line.next(), line.next())
        line.confirmed(one.id)
        #expect(line.startRemoval() == [one.id])
        line.removed()
        if isFirst { line.forwarded(two.id) } else { line.confirmed(two.id) }
        #expect(!line.hasConfirmed && !line.isIdle && line.isKnown(two.id))
        if isFirst { line.confirmed(two.id) } else { line.forwarded(two.id) }
        #expect(line.startRemoval() == [two.id])
        line.removed()
        #expect(line.isIdle)
    }

    @Test("an event that is not forwarded is still published, and its row stays")
    func notForwarded() {
        for isFirst in [true, false] {
            var line = OutboxState()
            let one = event(1)
            line.add([one], forwarded: [one.type])
            if isFirst { line.notForwarded(one.id) }
            #expect(line.next() == one)
            line.confirmed(one.id)
            if !isFirst { line.notForwarded(one.id) }
            line.forwarded(one.id)  // too late
            #expect(line.isIdle && !line.hasConfirmed && !line.isKnown(one.id))
            // Swept.
            #expect(line.add([one], forwarded: [one.type]) == [one])
        }
    }

    @Test("an event that is not published is given up, whether it was forwarded or not")
    func forwardedNotPublished() {
        var line = OutboxState()
        let (one, two) = (event(1), event(2))
        line.add([one, two], forwarded: [one.type])
        _ = line.next()
        line.forwarded(one.id)
        line.failed(one.id)
        line.giveUpWaiting()
        line.forwarded(two.id)
        #expect(line.isIdle && !line.hasConfirmed)
    }

    private func event(_ number: Int) -> OutboxEvent {
        OutboxEvent(
            id: EventID(), type: "users.test.v1", subject: nil, time: Timestamp(millisecondsSinceEpoch: 0), trace: nil,
            data: [1, 2, 3, 4, 5])
    }
}
