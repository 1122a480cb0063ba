import Contracts
import Postgres
import Testing

@testable import Users

@Suite("Key ring") struct KeyRingTests {
    @Test("instances that start together create one key")
    func first() async throws {
        try await World.with { world async throws in
            let rings = (0..<8).map { _ in ring(world) }
            let results = await atOnce(8) { try await rings[$0].published() }
            #expect(Set(results.compactMap(\.value)).count == 1)
            #expect(try await world.count("SELECT count(*) FROM signing_keys") == 1)
        }
    }

    @Test("a new key is published at once and signs after the lead; the old key is deleted when its last token has expired")
    func rotation() async throws {
        try await World.with { world async throws in
            let (ring, other, schedule) = (ring(world), ring(world), KeySchedule())
            let old = try await kid(ring)
            // Concurrent rotations create one key.
            for result in await atOnce(4, { _ in try await ring.rotate() }) { try result.get() }
            #expect(try await ring.published().count == 2)
            #expect(try await kid(ring) == old)
            world.clock.advance(schedule.lead)
            let new = try await kid(ring)
            #expect(new != old)
            #expect(try await kid(other) == new)
            #expect(try await other.published().map(\.kid) == [old, new])
            world.clock.advance(schedule.tokenLifetime + schedule.slack)
            #expect(try await ring.published().map(\.kid) == [new])
            #expect(try await world.count("SELECT count(*) FROM signing_keys") == 1)
        }
    }

    @Test("a key of thirty days gets a successor")
    func age() async throws {
        try await World.with { world async throws in
            let ring = ring(world)
            let old = try await kid(ring)
            world.clock.advance(KeySchedule().period)
            #expect(try await kid(ring) == old)
            #expect(try await ring.published().count == 2)
        }
    }

    @Test("keys are sealed in the database, and a ring with another secret cannot open them")
    func sealed() async throws {
        try await World.with { world async throws in
            _ = try await ring(world).published()
            #expect(
                try await world.count("SELECT count(*) FROM signing_keys WHERE sealed AND octet_length(private_key) > 32") == 1)
            let stranger = KeyRing(
                KeyStore(database: world.database, seal: KeySeal(passphrase: "another")), now: { world.clock.now },
                logger: World.logger)
            await #expect(throws: KeySeal.Failure.self) { try await stranger.published() }
        }
    }

    @Test("an older answer of the store never replaces a newer one")
    func order() async throws {
        let store = HeldKeyStore(now: Timestamp(millisecondsSinceEpoch: 1_000_000))
        let ring = KeyRing(store, now: { store.now }, logger: World.logger)
        let older = Task { try await ring.published() }
        await store.isReading()
        // It answers at once if the ring asks while the older read is under way.
        let newer = Task { try await ring.rotate() }
        for _ in 0..<1_000 { await Task.yield() }
        await store.release()
        _ = try await (older.value, newer.value)
        #expect(try await ring.published().count == 2)
    }

    private func ring(_ world: World) -> KeyRing {
        KeyRing(
            KeyStore(database: world.database, seal: KeySeal(passphrase: "test")), now: { world.clock.now }, logger: World.logger)
    }

    /// Returns the id of the key that signs now.
    private func kid(_ ring: KeyRing) async throws -> String {
        let jwt = try await ring.current().sign(
            AccessToken(sub: UserID(rawValue: 1), sid: SessionID(rawValue: 2), name: "mia", roles: [], iat: 0, exp: 1))
        let keys = try await ring.published()
        let header = jwt.prefix { $0 != "." }
        for key in keys where try headerNames(String(header), key.kid) { return key.kid }
        return "unknown"
    }

    private func headerNames(_ header: String, _ kid: String) throws -> Bool {
        let count = header.utf8.count * 3 / 4
        let bytes = try #require(Base64URL.decode(header, count: count))
        return String(decoding: bytes, as: UTF8.self).contains("\"\(kid)\"")
    }
}

/// Holds the first read until ``release()``; that read does not see the key of a later rotation.
private actor HeldKeyStore: SigningKeyStore {
    nonisolated let now: Timestamp
    private var stored: [SigningKey] = []
    private var read: CheckedContinuation<Void, Never>?
    private var watcher: CheckedContinuation<Void, Never>?
    private var wasHeld = false

    init(now: Timestamp) { self.now = now }

    func ready() {}

    func keys() async throws -> [SigningKey] {
        if stored.isEmpty { stored = [try SigningKey(createdAt: now, signsFrom: now)] }
        let answer = stored
        if wasHeld { return answer }
        wasHeld = true
        await withCheckedContinuation { read in
            self.read = read
            watcher?.resume()
            watcher = nil
        }
        return answer
    }

    func rotate(_ schedule: KeySchedule, now: Timestamp, forced: Bool) async throws -> [SigningKey] {
        stored.append(try SigningKey(createdAt: now, signsFrom: now + schedule.lead))
        return stored
    }

    /// Returns once the first read is held.
    func isReading() async {
        if read == nil { await withCheckedContinuation { watcher = $0 } }
    }

    func release() { read?.resume() }
}
