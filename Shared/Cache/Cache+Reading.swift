import Redis

extension Cache {
    /// The value of `key`; `nil` when there is none.
    ///
    /// - Throws: ``CacheOverloaded`` at once when too many loads wait; ``CacheLoadTimedOut``; what the loader throws; `CancellationError`.
    /// - Note: A cancelled reader leaves the load to the others.
    package func get(_ key: Key, _ freshness: Freshness) async throws -> Value? {
        if case .upTo(let age) = freshness, let found = memory.fresh(key, asOf: now() - age) {
            metrics.fromMemory()
            return found.value
        }
        return try await get([key], freshness)[key]
    }

    /// The values of `keys`, in one round trip to each place; those that have none are left out.
    ///
    /// - Throws: as for one key. One key that cannot be read fails the call.
    package func get(_ keys: [Key], _ freshness: Freshness) async throws -> [Key: Value] {
        var reading = Reading<Key, Value>(keys, freshness, asked: now())
        readMemory(&reading)
        let answered = try await readRedis(reading)
        return try await readStore(answered).values
    }

    private func readMemory(_ reading: inout Reading<Key, Value>) {
        guard case .upTo(let age) = reading.freshness else { return }
        let oldest = reading.asked - age
        for key in reading.missing {
            guard let found = memory.fresh(key, asOf: oldest) else { continue }
            metrics.fromMemory()
            reading.found(key, found.value)
        }
    }

    // MARK: Redis

    private func readRedis(_ reading: Reading<Key, Value>) async throws -> Reading<Key, Value> {
        var reading = reading
        guard !reading.missing.isEmpty, !distrust.isTotal(at: reading.asked) else { return reading }
        guard let session = tier.redis.session else {
            metrics.withoutRedis()
            return reading
        }
        do throws(RedisError) {
            if try await checkMemory(&reading, on: session) { return reading }
            let keys = Array(reading.missing)
            for (key, entry) in zip(keys, try await tier.read(keys, on: session)) {
                if let entry, let value = accept(entry, of: key, asOf: reading.asked) { reading.found(key, value.value) }
            }
        } catch {
            if error.code == .cancelled { throw CancellationError() }
            metrics.withoutRedis()
            // Whoever could not ask it now need not wait for it again.
            reading.withoutRedis = true
        }
        return reading
    }

    /// A large value that we remember: asks for its stamp first. Whether that was enough.
    private func checkMemory(_ reading: inout Reading<Key, Value>, on session: RedisSession) async throws(RedisError) -> Bool {
        guard reading.missing.count == 1, let key = reading.missing.first, let known = memory.any(key), known.byteCount > 512
        else { return false }
        guard try await tier.stamp(key, on: session) == known.stamp else { return false }
        guard let present = memory.any(key), present.stamp == known.stamp, counts(present.version, for: key, asked: reading.asked)
        else { return false }
        metrics.fromMemory()
        reading.found(key, memory.confirm(key, asOf: reading.asked)?.value)
        return true
    }

    /// What Redis says of `key`, unless it is known to be too old or cannot be read.
    ///
    /// - Parameter asOf: a moment before Redis was asked.
    func accept(_ entry: Entry, of key: Key, asOf: Instant) -> Versioned<Value>? {
        guard entry.isAnswer, counts(entry.version, for: key, asked: asOf) else { return nil }
        if let known = memory.any(key), known.stamp == entry.stamp {
            metrics.fromMemory()
            _ = memory.confirm(key, asOf: asOf)
            return Versioned(known.value, version: known.version)
        }
        var value: Value?
        if entry.state == .value {
            guard let decoded = try? coder.decode(entry.payload) else { return nil }
            value = decoded
        }
        metrics.fromRedis()
        remember(key, value, entry, asOf: asOf)
        return Versioned(value, version: entry.version)
    }

    /// - Parameter asked: a moment before Redis was asked.
    func counts(_ version: Int64, for key: Key, asked: Instant) -> Bool {
        !distrust.isTotal(at: asked) && distrust.floor(key, asked: asked).map { version >= $0 } ?? true
    }

    func remember(_ key: Key, _ value: Value?, _ entry: Entry, asOf: Instant, wasRead: Bool = true) {
        memory.remember(
            key,
            .init(
                value: value, version: entry.version, stamp: entry.stamp, asOf: asOf, byteCount: entry.payload.count,
                wasRead: wasRead))
    }

    // MARK: The store

    private func readStore(_ reading: Reading<Key, Value>) async throws -> Reading<Key, Value> {
        var reading = reading
        if reading.missing.isEmpty { return reading }
        metrics.fromStore(reading.missing.count)
        for (key, loaded) in try await loaded(reading) { reading.found(key, loaded.value) }
        return reading
    }

    /// Waits for a load of each missing key, of one that is under way where that is new enough.
    private func loaded(_ reading: Reading<Key, Value>) async throws -> [Key: Versioned<Value>] {
        let (id, keys) = (readers.nextID(), Array(reading.missing))
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                readers.add(id, count: keys.count, continuation)
                let first = flights.join(id, keys, notBefore: reading.oldestLoad, now: now())
                start(first, withoutRedis: reading.withoutRedis)
            }
        } onCancel: {
            Task { await self.leave(id) }
        }
    }

    private func leave(_ id: Readers<Key, Value>.ID) { readers.fail([id], CancellationError()) }
}

/// One question and what has been found so far.
struct Reading<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    let freshness: Freshness
    let asked: ContinuousClock.Instant
    private(set) var missing: Set<Key>
    private(set) var values: [Key: Value] = [:]
    /// Redis could not be asked.
    var withoutRedis = false

    init(_ keys: [Key], _ freshness: Freshness, asked: ContinuousClock.Instant) {
        missing = Set(keys)
        self.freshness = freshness
        self.asked = asked
    }

    /// When a load must have begun at the earliest to be of use.
    var oldestLoad: ContinuousClock.Instant {
        switch freshness {
        case .checked: asked
        case .upTo(let age): asked - age
        }
    }

    mutating func found(_ key: Key, _ value: Value?) {
        missing.remove(key)
        values[key] = value
    }
}
