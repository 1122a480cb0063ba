import Contracts
import Postgres
import Testing

@testable import Users

@Suite("Contacts") struct ContactTests {
    private func step(
        _ step: ChangeContact.Step, by user: UserID, with other: UserID, in instance: World.Instance
    ) async throws -> Contact? {
        try await instance.contacts.change(ChangeContact(userID: user, otherID: other, step: step)).contact
    }

    private func list(_ user: UserID, in world: World) async throws -> [Contact] {
        try await world.one.contacts.contacts(ListContacts(userID: user, limit: 100)).items
    }

    @Test("both users see invite, accept and remove, and each step is announced")
    func course() async throws {
        try await World.with { world async throws in
            let (mia, tom) = (try await world.register("mia").id, try await world.register("tom").id)
            let start = world.clock.now
            #expect(
                try await step(.invite, by: tom, with: mia, in: world.one) == Contact(userID: mia, status: .sent, since: start))
            #expect(try await list(mia, in: world) == [Contact(userID: tom, status: .received, since: start)])
            world.clock.advance(.seconds(5))
            let since = world.clock.now
            #expect(
                try await step(.accept, by: mia, with: tom, in: world.other)
                    == Contact(userID: tom, status: .connected, since: since))
            world.clock.advance(.seconds(5))
            // A repeat gets the same answer and is not announced.
            #expect(
                try await step(.accept, by: mia, with: tom, in: world.one)
                    == Contact(userID: tom, status: .connected, since: since))
            #expect(try await list(tom, in: world) == [Contact(userID: mia, status: .connected, since: since)])
            #expect(try await step(.remove, by: tom, with: mia, in: world.one) == nil)
            #expect(try await list(tom, in: world).isEmpty)
            let events = try await world.events(ContactChanged.self).sorted { $0.rev < $1.rev }
            #expect(events.map(\.rev) == [1, 2, 3])
            #expect(events.map(\.step) == [.invite, .accept, .remove])
            #expect(events.map(\.status) == [.sent, .connected, nil])
            #expect(events.map(\.userID) == [tom, mia, tom])
        }
    }

    @Test("two concurrent invitations always connect the pair")
    func inviteRace() async throws {
        try await World.with { world async throws in
            for number in 0..<10 {
                let (mia, tom) = (try await world.register("mia\(number)").id, try await world.register("tom\(number)").id)
                let results = await atOnce(20) { task in
                    task % 2 == 0
                        ? try await step(.invite, by: mia, with: tom, in: world.one)
                        : try await step(.invite, by: tom, with: mia, in: world.other)
                }
                #expect(results.compactMap(\.value).count == 20)
                #expect(try await list(mia, in: world).map(\.status) == [.connected])
                #expect(try await list(tom, in: world).map(\.status) == [.connected])
                let events = try await world.events(ContactChanged.self).filter { [mia, tom].contains($0.userID) }
                #expect(Set(events.map(\.rev)) == [1, 2] && events.count == 2)
            }
        }
    }

    @Test("a block concurrent with an invitation always leaves no contact")
    func blockRace() async throws {
        try await World.with { world async throws in
            for number in 0..<10 {
                let (mia, tom) = (try await world.register("mia\(number)").id, try await world.register("tom\(number)").id)
                let results = await atOnce(12) { task -> Contact? in
                    if task != 6 {
                        return try await step(.invite, by: tom, with: mia, in: task % 2 == 0 ? world.one : world.other)
                    }
                    _ = try await world.other.contacts.setBlock(SetBlock(userID: mia, otherID: tom, blocked: true))
                    return nil
                }
                #expect(results.compactMap(\.code).allSatisfy { $0 == .denied })
                #expect(try await list(mia, in: world).isEmpty)
                #expect(await refusal { try await step(.invite, by: tom, with: mia, in: world.one) } == .denied)
            }
        }
    }

    @Test("a block ends the contact, is announced once and listed; lifting it does not restore the contact")
    func block() async throws {
        try await World.with { world async throws in
            let (mia, tom) = (try await world.register("mia").id, try await world.register("tom").id)
            _ = try await step(.invite, by: mia, with: tom, in: world.one)
            _ = try await step(.accept, by: tom, with: mia, in: world.one)
            for _ in 0..<2 { _ = try await world.one.contacts.setBlock(SetBlock(userID: mia, otherID: tom, blocked: true)) }
            #expect(try await list(tom, in: world).isEmpty)
            let blocks = try await world.other.contacts.blocks(ListBlocks(userID: mia, limit: 10)).items
            #expect(blocks == [Block(userID: tom, since: world.clock.now)])
            #expect(try await world.one.contacts.blocks(ListBlocks(userID: tom, limit: 10)).items.isEmpty)
            #expect(await refusal { try await step(.invite, by: mia, with: tom, in: world.one) } == .conflict)
            for _ in 0..<2 { _ = try await world.one.contacts.setBlock(SetBlock(userID: mia, otherID: tom, blocked: false)) }
            #expect(try await list(tom, in: world).isEmpty)
            let announced = try await world.events(BlockChanged.self).sorted { $0.rev < $1.rev }
            #expect(announced.map(\.blocked) == [true, false] && announced.map(\.rev) == [3, 4])
            #expect(try await world.events(ContactChanged.self).filter { $0.rev == 3 }.map(\.status) == [nil])
        }
    }

    @Test("steps against the rules, with oneself or with an unknown user are refused and store nothing")
    func refusals() async throws {
        try await World.with { world async throws in
            let (mia, tom) = (try await world.register("mia").id, try await world.register("tom").id)
            #expect(await refusal { try await step(.accept, by: mia, with: tom, in: world.one) } == .conflict)
            #expect(await refusal { try await step(.invite, by: mia, with: mia, in: world.one) } == .invalid)
            #expect(await refusal { try await step(.invite, by: mia, with: UserID(rawValue: 9), in: world.one) } == .notFound)
            let stranger = SetBlock(userID: mia, otherID: UserID(rawValue: 9), blocked: true)
            #expect(await refusal { try await world.one.contacts.setBlock(stranger) } == .notFound)
            #expect(try await world.count("SELECT count(*) FROM outbox WHERE type LIKE 'users.connection.%'") == 0)
            #expect(try await world.count("SELECT count(*) FROM connections WHERE bond <> 'none'") == 0)
        }
    }

    @Test("steps without effect between strangers store nothing")
    func nothing() async throws {
        try await World.with { world async throws in
            let (mia, tom) = (try await world.register("mia").id, try await world.register("tom").id)
            #expect(try await step(.cancel, by: mia, with: tom, in: world.one) == nil)
            #expect(try await step(.remove, by: tom, with: mia, in: world.one) == nil)
            _ = try await world.one.contacts.setBlock(SetBlock(userID: mia, otherID: tom, blocked: false))
            #expect(try await world.count("SELECT count(*) FROM connections") == 0)
            #expect(await refusal { try await step(.cancel, by: mia, with: UserID(rawValue: 9), in: world.one) } == .notFound)
        }
    }

    @Test("lists cover both sides of pairs, newest first, page by page")
    func pages() async throws {
        try await World.with { world async throws in
            // Mia's id is in the middle, so that she is the low side of some pairs and the high side of
            // others.
            var others: [UserID] = []
            for number in 0..<4 { others.append(try await world.register("ann\(number)").id) }
            let mia = try await world.register("mia").id
            for number in 4..<8 { others.append(try await world.register("ann\(number)").id) }
            for (number, other) in others.enumerated() {
                if number % 3 == 0 { world.clock.advance(.milliseconds(1)) }
                _ = try await step(.invite, by: number % 2 == 0 ? mia : other, with: number % 2 == 0 ? other : mia, in: world.one)
                _ = try await world.one.contacts.setBlock(
                    SetBlock(userID: others[0], otherID: other == others[0] ? mia : other, blocked: true))
            }
            let all = try await list(mia, in: world)
            #expect(Set(all.map(\.userID)) == Set(others.dropFirst()))
            #expect(zip(all, all.dropFirst()).allSatisfy { ($0.since, $0.userID) > ($1.since, $1.userID) })
            var (found, after) = ([Contact](), String?.none)
            repeat {
                let page = try await world.one.contacts.contacts(ListContacts(userID: mia, limit: 2, after: after))
                found += page.items
                after = page.next
            } while after != nil
            #expect(found == all)
            let first = try await world.one.contacts.blocks(ListBlocks(userID: others[0], limit: 5))
            let second = try await world.one.contacts.blocks(ListBlocks(userID: others[0], limit: 5, after: first.next))
            #expect(Set((first.items + second.items).map(\.userID)) == Set(others.dropFirst() + [mia]))
            #expect(second.next == nil)
            #expect(
                await refusal { try await world.one.contacts.blocks(ListBlocks(userID: mia, limit: 5, after: "x")) } == .invalid)
        }
    }
}
