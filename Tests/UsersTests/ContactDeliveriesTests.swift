import Bus
import Contracts
import Postgres
import TestSupport
import Testing

@testable import Users

@Suite("Deliveries of contacts") struct ContactDeliveriesTests {
    private let mia = UserID(rawValue: 5)
    private let tom = UserID(rawValue: 6)

    private func shown(_ event: some Event) throws -> [String] {
        try ContactDeliveries.delivery(of: [OutboxEvent(event)]).items.map { "\($0.recipients.map(\.description)) \($0.frame)" }
    }

    @Test("both users get a change of their contact, each from their side")
    func connections() throws {
        #expect(
            try shown(ContactChanged(userID: mia, otherID: tom, step: .invite, status: .sent, rev: 1)) == [
                #"["5"] {"type":"connection","userId":"6","status":"sent","rev":1}"#,
                #"["6"] {"type":"connection","userId":"5","status":"received","rev":1}"#,
            ])
        #expect(
            try shown(ContactChanged(userID: tom, otherID: mia, step: .accept, status: .connected, rev: 2)) == [
                #"["6"] {"type":"connection","userId":"5","status":"connected","rev":2}"#,
                #"["5"] {"type":"connection","userId":"6","status":"connected","rev":2}"#,
            ])
        #expect(
            try shown(ContactChanged(userID: mia, otherID: tom, step: .remove, status: nil, rev: 3)) == [
                #"["5"] {"type":"connection","userId":"6","rev":3}"#, #"["6"] {"type":"connection","userId":"5","rev":3}"#,
            ])
    }

    @Test("only the blocking user gets a block; other events give no frames")
    func blocks() throws {
        #expect(
            try shown(BlockChanged(userID: mia, otherID: tom, blocked: true, rev: 4)) == [
                #"["5"] {"type":"block","userId":"6","blocked":true,"rev":4}"#
            ])
        #expect(try shown(PasswordChanged(userID: mia, changedAt: Timestamp(millisecondsSinceEpoch: 0))) == [])
    }

    @Test("deliveries arrive over the bus in the order of the changes")
    func overTheBus() async throws {
        try await BusWorld.with { world async throws in
            let (mia, tom) = (try await world.world.register("mia").id, try await world.world.register("tom").id)
            func step(_ step: ChangeContact.Step, by user: UserID, with other: UserID) async throws {
                _ = try await world.bff.call(ChangeContact(userID: user, otherID: other, step: step))
            }
            try await step(.invite, by: mia, with: tom)
            try await eventually("two") { world.shown.count == 2 ? () : nil }
            try await step(.accept, by: tom, with: mia)
            try await eventually("four") { world.shown.count == 4 ? () : nil }
            _ = try await world.bff.call(SetBlock(userID: tom, otherID: mia, blocked: true))
            try await eventually("seven") { world.shown.count == 7 ? () : nil }
            let blocks = world.shown.all.filter { $0.frame.contains(#""type":"block""#) }
            #expect(blocks.map(\.recipients) == [[tom]])
            #expect(world.shown.all.filter { $0.recipients == [mia] }.count == 3)
        }
    }
}

@Suite("Presence") struct PresenceTests {
    private func connect(_ one: UserID, _ other: UserID, in world: World) async throws {
        for (user, step) in [(one, ChangeContact.Step.invite), (other, .accept)] {
            let peer = user == one ? other : one
            _ = try await world.one.contacts.change(ChangeContact(userID: user, otherID: peer, step: step))
        }
        world.clock.advance(.seconds(1))
    }

    private func contacts(_ user: UserID, in world: World) async throws -> [PresenceContact] {
        try await world.one.presence.contacts(ListPresenceContacts(userID: user)).contacts
    }

    private func record(_ seen: [(UserID, SessionID, Timestamp)], in world: World) async throws {
        _ = try await world.one.presence.recordLastSeen(
            RecordLastSeen(users: seen.map { .init(userID: $0, sessionID: $1, at: $2) }))
    }

    @Test("presence contacts are connected, longest first, without blocks on either side")
    func contacts() async throws {
        try await World.with { world async throws in
            var users: [UserID] = []
            for name in ["mia", "tom", "eve", "sam", "kim", "lea"] { users.append(try await world.register(name).id) }
            let mia = users[0]
            for other in users[1...4].reversed() { try await connect(mia, other, in: world) }
            _ = try await world.one.contacts.change(ChangeContact(userID: mia, otherID: users[5], step: .invite))
            #expect(try await contacts(mia, in: world).map(\.userID) == users[1...4].reversed())
            #expect(try await contacts(users[1], in: world) == [.init(userID: mia)])
            #expect(try await contacts(users[5], in: world) == [])
            _ = try await world.one.contacts.setBlock(SetBlock(userID: mia, otherID: users[1], blocked: true))
            _ = try await world.one.contacts.setBlock(SetBlock(userID: users[2], otherID: mia, blocked: true))
            #expect(try await contacts(mia, in: world).map(\.userID) == [users[4], users[3]])
            #expect(try await contacts(users[1], in: world) == [])
            #expect(try await contacts(users[2], in: world) == [])
        }
    }

    @Test("a last-seen time appears with contacts and sessions; it moves neither back nor beyond now")
    func seen() async throws {
        try await World.with { world async throws in
            let (mia, tom) = (try await world.register("mia").id, try await world.register("tom").id)
            try await connect(mia, tom, in: world)
            let phone = try world.session(of: try await world.logIn("tom", device: "phone").tokens)
            let laptop = try world.session(of: try await world.logIn("tom", device: "laptop").tokens)
            let start = world.clock.now
            #expect(try await contacts(mia, in: world) == [.init(userID: tom)])
            world.clock.advance(.seconds(60))
            func lastSeen() async throws -> [SessionID: Timestamp] {
                let sessions = try await world.one.sessions.list(ListSessions(userID: tom, sessionID: phone)).items
                return Dictionary(uniqueKeysWithValues: sessions.map { ($0.id, $0.lastSeenAt) })
            }
            try await record(
                [(tom, phone, start + .seconds(10)), (tom, phone, start + .seconds(30)), (tom, laptop, start + .seconds(20))],
                in: world)
            #expect(try await lastSeen() == [phone: start + .seconds(30), laptop: start + .seconds(20)])
            #expect(try await contacts(mia, in: world) == [.init(userID: tom, lastSeenAt: start + .seconds(30))])
            // An earlier time, a session of another user, an unknown user, and a time ahead of the clock.
            try await record([(tom, phone, start)], in: world)
            try await record([(mia, laptop, start + .seconds(50)), (UserID(rawValue: 1), phone, start)], in: world)
            #expect(try await lastSeen() == [phone: start + .seconds(30), laptop: start + .seconds(20)])
            try await record([(tom, laptop, start + .seconds(3_600))], in: world)
            #expect(try await lastSeen()[laptop] == start + .seconds(60))
            #expect(try await contacts(mia, in: world) == [.init(userID: tom, lastSeenAt: start + .seconds(60))])
            #expect(await refusal { try await record([], in: world) } == .invalid)
            #expect(
                await refusal {
                    try await record([(UserID, SessionID, Timestamp)](repeating: (tom, phone, start), count: 257), in: world)
                } == .invalid)
        }
    }

    @Test("concurrent records of the same users, in any order, all succeed")
    func race() async throws {
        try await World.with { world async throws in
            var people: [(UserID, SessionID)] = []
            for number in 0..<6 {
                let user = try await world.register("user\(number)").id
                people.append((user, try world.session(of: try await world.logIn("user\(number)").tokens)))
            }
            let start = world.clock.now
            world.clock.advance(.seconds(100))
            let all = people
            let results = await atOnce(20) { number in
                let seen = all.shuffled().map {
                    RecordLastSeen.Seen(userID: $0.0, sessionID: $0.1, at: start + .seconds(number))
                }
                return try await world.one.presence.recordLastSeen(RecordLastSeen(users: seen))
            }
            #expect(results.compactMap(\.value).count == 20)
            let latest = try await world.count("SELECT count(*) FROM last_seen WHERE at = \(start + .seconds(19))")
            #expect(latest == 6)
        }
    }
}
