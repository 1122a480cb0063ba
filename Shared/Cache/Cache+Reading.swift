import Reactor
import Redis

extension Cache {
    /// Returns the value of `key`, or `nil` when there is none.
    ///
    /// - Throws: ``CacheOverloaded`` at once when too many loads wait; ``CacheLoadTimedOut``; an error of the
    ///   loader; `CancellationError`. Cancelling one reader does not stop the load for others.
    package func get(_ key: Key, _ freshness: Freshness) async throws -> Value? {
        let asked = now()
        if case .upTo(let age) = freshness, let found = memory.fresh(key, asOf: asked - age) {
            metrics.countMemoryHit()
            return found.value
        }
        // The fast path: most keys are in Redis, and this costs one request.
        let result = try await readRedis(key, asked: asked)
        if case .hit(let value) = result { return value.value }
        var read = PendingRead<Key, Value>([key], freshness, asked: asked)
        if case .unreachable = result { read.withoutRedis = true }
        return try await readStore(read).values[key]
    }

    /// Returns the values of `keys`, with one round trip to each tier. Keys without a value are left out.
    ///
    /// - Throws: as for one key. One key that cannot be read fails the call.
    package func get(_ keys: [Key], _ freshness: Freshness) async throws -> [Key: Value] {
        var read = PendingRead<Key, Value>(keys, freshness, asked: now())
        readMemory(&read)
        let answered = try await readRedis(read)
        return try await readStore(answered).values
    }

    private func readMemory(_ read: inout PendingRead<Key, Value>) {
        guard case .upTo(let age) = read.freshness else { return }
        let oldest = read.asked - age
        for key in read.missing {
            guard let found = memory.fresh(key, asOf: oldest) else { continue }
            metrics.countMemoryHit()
            read.resolve(key, found.value)
        }
    }

    // MARK: Redis

    private enum RedisResult {
        case hit(Versioned<Value>)
        /// Redis has no value, or one that cannot be used.
        case miss
        /// The request failed. The load of this reader does not ask Redis again.
        case unreachable
    }

    /// - Parameter asked: the present time.
    private func readRedis(_ key: Key, asked: Instant) async throws -> RedisResult {
        if staleKeys.coversAllKeys(at: asked) { return .miss }
        guard let session = tier.redis.session else {
            metrics.countUnreachable()
            return .miss
        }
        do throws(RedisError) {
            // For a large cached value, comparing stamps is cheaper than transferring the value.
            if let cached = memory.peek(key), cached.byteCount > 512, try await tier.stamp(key, on: session) == cached.stamp,
                let value = confirm(key, stamp: cached.stamp, asOf: asked)
            {
                return .hit(value)
            }
            if let entry = try await tier.read(key, on: session), let value = accept(entry, of: key, asOf: asked) {
                return .hit(value)
            }
            return .miss
        } catch {
            if error.code == .cancelled { throw CancellationError() }
            metrics.countUnreachable()
            return .unreachable
        }
    }

    private func readRedis(_ read: PendingRead<Key, Value>) async throws -> PendingRead<Key, Value> {
        var read = read
        guard !read.missing.isEmpty, !staleKeys.coversAllKeys(at: read.asked) else { return read }
        guard let session = tier.redis.session else {
            metrics.countUnreachable()
            return read
        }
        do throws(RedisError) {
            let keys = Array(read.missing)
            for (key, entry) in zip(keys, try await tier.read(keys, on: session)) {
                if let entry, let value = accept(entry, of: key, asOf: read.asked) { read.resolve(key, value.value) }
            }
        } catch {
            if error.code == .cancelled { throw CancellationError() }
            metrics.countUnreachable()
            read.withoutRedis = true
        }
        return read
    }

    /// Returns the cached value if it has the stamp that Redis has.
    private func confirm(_ key: Key, stamp: UInt64, asOf: Instant) -> Versioned<Value>? {
        guard let cached = memory.peek(key), cached.stamp == stamp, isTrusted(cached.version, of: key, asked: asOf) else {
            return nil
        }
        metrics.countMemoryHit()
        memory.confirm(key, asOf: asOf)
        return Versioned(cached.value, version: cached.version)
    }

    /// Returns the value of an entry that Redis sent; `nil` if it is known to be stale or cannot be decoded.
    ///
    /// - Parameter asOf: a moment before the request to Redis.
    func accept(_ entry: CacheEntry, of key: Key, asOf: Instant) -> Versioned<Value>? {
        guard entry.isReadable, isTrusted(entry.version, of: key, asked: asOf) else { return nil }
        if let cached = confirm(key, stamp: entry.stamp, asOf: asOf) { return cached }
        var value: Value?
        if entry.state == .value {
            guard let decoded = try? coder.decode(entry.payload) else { return nil }
            value = decoded
        }
        metrics.countRedisHit()
        store(value, entry: entry, for: key, asOf: asOf)
        return Versioned(value, version: entry.version)
    }

    /// Whether no fence rejects `version` of `key`.
    ///
    /// - Parameter asked: a moment before the request to Redis.
    func isTrusted(_ version: Int64, of key: Key, asked: Instant) -> Bool {
        !staleKeys.coversAllKeys(at: asked) && staleKeys.minimumVersion(of: key, asked: asked).map { version >= $0 } ?? true
    }

    /// Stores a value in process memory.
    func store(_ value: Value?, entry: CacheEntry, for key: Key, asOf: Instant, wasRead: Bool = true) {
        memory.store(
            .init(
                value: value, version: entry.version, stamp: entry.stamp, asOf: asOf, byteCount: entry.payload.count,
                wasRead: wasRead),
            for: key)
    }

    // MARK: The store

    private func readStore(_ read: PendingRead<Key, Value>) async throws -> PendingRead<Key, Value> {
        var read = read
        if read.missing.isEmpty { return read }
        metrics.countStoreReads(read.missing.count)
        for (key, loaded) in try await loaded(read) { read.resolve(key, loaded.value) }
        return read
    }

    /// Waits for a load of each missing key: the running one if it is recent enough, else the next.
    private func loaded(_ read: PendingRead<Key, Value>) async throws -> [Key: Versioned<Value>] {
        let (id, keys) = (waiters.nextID(), Array(read.missing))
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                waiters.add(id, count: keys.count, continuation)
                let first = flights.join(id, keys: keys, notBefore: read.oldestLoad, now: now())
                start(first, withoutRedis: read.withoutRedis)
            }
        } onCancel: {
            io.post { self.assumeIsolated { $0.waiters.fail([id], with: CancellationError()) } }
        }
    }
}

/// One read of several keys, and the values found so far.
struct PendingRead<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    let freshness: Freshness
    let asked: ContinuousClock.Instant
    private(set) var missing: Set<Key>
    private(set) var values: [Key: Value] = [:]
    /// Whether a request to Redis has failed, so that the load skips Redis.
    var withoutRedis = false

    init(_ keys: [Key], _ freshness: Freshness, asked: ContinuousClock.Instant) {
        missing = Set(keys)
        self.freshness = freshness
        self.asked = asked
    }

    /// The earliest start of a load that satisfies this read.
    var oldestLoad: ContinuousClock.Instant {
        switch freshness {
        case .checked: asked
        case .upTo(let age): asked - age
        }
    }

    mutating func resolve(_ key: Key, _ value: Value?) {
        missing.remove(key)
        values[key] = value
    }
}
