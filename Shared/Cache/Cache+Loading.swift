import Redis

extension Cache {
    /// Starts one load of `keys`. It runs to its end or its timeout, also when all waiters are cancelled.
    func start(_ keys: [Key], withoutRedis: Bool) {
        if keys.isEmpty { return }
        // Detached: the deadline of the first reader must not apply to the others.
        Task.detached(executorPreference: io) { await self.fetch(keys, withoutRedis: withoutRedis) }
    }

    private func fetch(_ keys: [Key], withoutRedis: Bool) async {
        var leases = await lease(keys, withoutRedis: withoutRedis)
        var reloads: [Key] = []
        for (key, found) in leases.answers { complete(key, value: found, asOf: leases.asOf, &reloads) }
        // These keys need not wait for the load of the others.
        start(reloads, withoutRedis: withoutRedis)
        reloads = []
        let rest = keys.filter { leases.answers[$0] == nil }
        if rest.isEmpty { return }
        do {
            let asOf = now()
            let loaded = try await gate.run { try await self.loadAwaited(rest) }
            let awaited = rest.filter { loaded[$0] != nil }
            leases.loaded = loaded
            await fill(awaited, leases: leases, asOf: asOf, &reloads)
        } catch {
            for key in rest { waiters.fail(flights.fail(key), with: error) }
        }
        start(reloads, withoutRedis: withoutRedis)
    }

    /// Loads the keys that still have waiters once the gate admits the load, and ends the loads of the
    /// others.
    private func loadAwaited(_ keys: [Key]) async throws -> [Key: Versioned<Value>] {
        let awaited = keys.filter { waiters.contains(anyOf: flights.waiters(for: $0)) }
        for key in Set(keys).subtracting(awaited) { _ = flights.fail(key) }
        if awaited.isEmpty { return [:] }
        let loaded = try await callLoader(awaited)
        return Dictionary(uniqueKeysWithValues: awaited.map { ($0, loaded[$0] ?? .neverExisted) })
    }

    private func complete(_ key: Key, value: Versioned<Value>, asOf: Instant, _ reloads: inout [Key]) {
        let completion = flights.complete(key, asOf: asOf, now: now())
        waiters.deliver(key, value: value, to: completion.waiters)
        if completion.needsReload { reloads.append(key) }
    }

    private func callLoader(_ keys: [Key]) async throws -> [Key: Versioned<Value>] {
        let (load, limit) = (load, configuration.loadTimeout)
        return try await withThrowingTaskGroup(of: [Key: Versioned<Value>].self) { group in
            group.addTask(executorPreference: io) { try await load(keys) }
            group.addTask {
                try await Task.sleep(for: limit)
                throw CacheLoadTimedOut()
            }
            defer { group.cancelAll() }
            guard let loaded = try await group.next() else { throw CancellationError() }
            return loaded
        }
    }

    // MARK: Leases

    /// The state of one load in Redis: leases to fill, and values that were written since the reader looked.
    struct Leases {
        /// A moment before the request to Redis.
        let asOf: Instant
        var session: RedisSession?
        var stamps: [Key: [UInt8]] = [:]
        var answers: [Key: Versioned<Value>] = [:]
        var loaded: [Key: Versioned<Value>] = [:]
    }

    private func lease(_ keys: [Key], withoutRedis: Bool) async -> Leases {
        var leases = Leases(asOf: now())
        guard !withoutRedis, !staleKeys.coversAllKeys(at: now()), let session = tier.redis.session else { return leases }
        guard let found = try? await tier.lease(keys, on: session) else { return leases }
        leases.session = session
        for (key, entry) in zip(keys, found) {
            if let answer = accept(entry, of: key, asOf: leases.asOf) {
                leases.answers[key] = answer
            } else {
                // The stamp of a lease, which this load may fill, or of an unusable entry, which it may
                // replace.
                leases.stamps[key] = entry.stampBytes
            }
        }
        return leases
    }

    /// Writes the loaded values to Redis. The waiters get them, or newer values that Redis has.
    private func fill(_ keys: [Key], leases: Leases, asOf: Instant, _ reloads: inout [Key]) async {
        let loaded = keys.map { ($0, leases.loaded[$0] ?? .neverExisted) }
        let entries = loaded.map { try? entry(for: $0.1) }
        let offers = zip(keys, entries).compactMap { key, entry in entry.map { (key, $0, leases.stamps[key] ?? []) } }
        let filledAt = now()
        var filled: [Key: RedisTier<Key>.FillResult] = [:]
        if let session = leases.session, let results = try? await tier.fill(offers, on: session) {
            for (offer, result) in zip(offers, results) { filled[offer.0] = result }
        }
        for ((key, value), entry) in zip(loaded, entries) {
            switch filled[key] {
            case .installed:
                if let entry { store(value.value, entry: entry, for: key, asOf: filledAt) }
                let isTrusted = isTrusted(value.version, of: key, asked: filledAt)
                complete(key, value: value, asOf: isTrusted ? filledAt : asOf, &reloads)
            case .present(let present):
                let newer = accept(present, of: key, asOf: filledAt)
                complete(key, value: newer ?? value, asOf: newer == nil ? asOf : filledAt, &reloads)
            case .leaseLost, nil:
                if let entry { store(value.value, entry: entry, for: key, asOf: asOf) }
                complete(key, value: value, asOf: asOf, &reloads)
            }
        }
    }

    func entry(for value: Versioned<Value>) throws -> CacheEntry {
        guard let present = value.value else { return CacheEntry(state: .absent, version: value.version) }
        return CacheEntry(state: .value, version: value.version, payload: try coder.encode(present))
    }
}
