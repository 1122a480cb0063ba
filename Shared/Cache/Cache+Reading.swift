import Redis

extension Cache {
    /// The value of `key`; `nil` when there is none.
    ///
    /// - Throws: ``CacheOverloaded`` at once when too many loads wait; ``CacheLoadTimedOut``; what the loader throws; `CancellationError`.
    /// - Note: A cancelled reader leaves the load to the others.
    package func get(_ key: Key, _ freshness: Freshness) async throws -> Value? {
        let asked = now()
        if case .upTo(let age) = freshness, let found = memory.fresh(key, asOf: asked - age) {
            metrics.fromMemory()
            return found.value
        }
        // Most of what is asked for is there: this way makes nothing but one question to Redis.
        let answer = try await askRedis(key, asked: asked)
        if case .found(let value) = answer { return value.value }
        var reading = Reading<Key, Value>([key], freshness, asked: asked)
        if case .nobody = answer { reading.withoutRedis = true }
        return try await readStore(reading).values[key]
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

    private enum Answer {
        case found(Versioned<Value>)
        /// Not there, or not good enough.
        case nothing
        /// Redis could not be asked. Whoever could not ask it now need not wait for it again.
        case nobody
    }

    /// - Parameter asked: now.
    private func askRedis(_ key: Key, asked: Instant) async throws -> Answer {
        if distrust.isTotal(at: asked) { return .nothing }
        guard let session = tier.redis.session else {
            metrics.withoutRedis()
            return .nothing
        }
        do throws(RedisError) {
            // Of a large value that we remember it is worth asking first whether it is still the one.
            if let known = memory.any(key), known.byteCount > 512, try await tier.stamp(key, on: session) == known.stamp,
                let value = confirm(key, known.stamp, asOf: asked)
            {
                return .found(value)
            }
            if let entry = try await tier.read(key, on: session), let value = accept(entry, of: key, asOf: asked) {
                return .found(value)
            }
            return .nothing
        } catch {
            if error.code == .cancelled { throw CancellationError() }
            metrics.withoutRedis()
            return .nobody
        }
    }

    private func readRedis(_ reading: Reading<Key, Value>) async throws -> Reading<Key, Value> {
        var reading = reading
        guard !reading.missing.isEmpty, !distrust.isTotal(at: reading.asked) else { return reading }
        guard let session = tier.redis.session else {
            metrics.withoutRedis()
            return reading
        }
        do throws(RedisError) {
            let keys = Array(reading.missing)
            for (key, entry) in zip(keys, try await tier.read(keys, on: session)) {
                if let entry, let value = accept(entry, of: key, asOf: reading.asked) { reading.found(key, value.value) }
            }
        } catch {
            if error.code == .cancelled { throw CancellationError() }
            metrics.withoutRedis()
            reading.withoutRedis = true
        }
        return reading
    }

    /// What is remembered under a stamp that Redis has for it.
    private func confirm(_ key: Key, _ stamp: UInt64, asOf: Instant) -> Versioned<Value>? {
        guard let known = memory.any(key), known.stamp == stamp, counts(known.version, for: key, asked: asOf) else { return nil }
        metrics.fromMemory()
        memory.confirm(key, asOf: asOf)
        return Versioned(known.value, version: known.version)
    }

    /// What Redis says of `key`, unless it is known to be too old or cannot be read.
    ///
    /// - Parameter asOf: a moment before Redis was asked.
    func accept(_ entry: Entry, of key: Key, asOf: Instant) -> Versioned<Value>? {
        guard entry.isAnswer, counts(entry.version, for: key, asked: asOf) else { return nil }
        if let known = confirm(key, entry.stamp, asOf: asOf) { return known }
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
