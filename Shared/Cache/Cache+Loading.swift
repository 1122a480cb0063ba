import Redis

extension Cache {
    /// Begins one load of `keys`. It belongs to nobody in particular and runs to its end, or its timeout, whoever stops waiting.
    func start(_ keys: [Key], withoutRedis: Bool) {
        if keys.isEmpty { return }
        // Detached: the deadline of the reader who happened to be first must not become that of the others.
        Task.detached(executorPreference: io) { await self.fetch(keys, withoutRedis: withoutRedis) }
    }

    private func fetch(_ keys: [Key], withoutRedis: Bool) async {
        var leases = await lease(keys, withoutRedis: withoutRedis)
        var again: [Key] = []
        for (key, found) in leases.answers { land(key, found, asOf: leases.asOf, &again) }
        // Those need not wait for a load of others.
        start(again, withoutRedis: withoutRedis)
        again = []
        let rest = keys.filter { leases.answers[$0] == nil }
        if rest.isEmpty { return }
        do {
            let asOf = now()
            let loaded = try await gate.run { try await self.loadAwaited(rest) }
            let kept = rest.filter { loaded[$0] != nil }
            leases.loaded = loaded
            await fill(kept, leases, asOf: asOf, &again)
        } catch {
            for key in rest { readers.fail(flights.crash(key), error) }
        }
        start(again, withoutRedis: withoutRedis)
    }

    /// Loads what somebody still waits for, when its turn at the gate has come; the others' loads are forgotten.
    private func loadAwaited(_ keys: [Key]) async throws -> [Key: Versioned<Value>] {
        let awaited = keys.filter { readers.contains(anyOf: flights.readers(of: $0)) }
        for key in Set(keys).subtracting(awaited) { _ = flights.crash(key) }
        if awaited.isEmpty { return [:] }
        let loaded = try await callLoader(awaited)
        return Dictionary(uniqueKeysWithValues: awaited.map { ($0, loaded[$0] ?? .neverExisted) })
    }

    private func land(_ key: Key, _ value: Versioned<Value>, asOf: Instant, _ again: inout [Key]) {
        let landing = flights.land(key, asOf: asOf, now: now())
        readers.deliver(key, value, to: landing.readers)
        if landing.again { again.append(key) }
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

    // MARK: Before and after

    /// What Redis has for a load: places to fill, and what was filled since we looked.
    struct Leases {
        /// Before Redis was asked.
        let asOf: Instant
        var session: RedisSession?
        var stamps: [Key: [UInt8]] = [:]
        var answers: [Key: Versioned<Value>] = [:]
        var loaded: [Key: Versioned<Value>] = [:]
    }

    private func lease(_ keys: [Key], withoutRedis: Bool) async -> Leases {
        var leases = Leases(asOf: now())
        guard !withoutRedis, !distrust.isTotal(at: now()), let session = tier.redis.session else { return leases }
        guard let found = try? await tier.lease(keys, on: session) else { return leases }
        leases.session = session
        for (key, entry) in zip(keys, found) {
            if let answer = accept(entry, of: key, asOf: leases.asOf) {
                leases.answers[key] = answer
            } else {
                // Of a lease: this load may fill it. Of an answer that is of no use to us: this load may replace it.
                leases.stamps[key] = entry.stampBytes
            }
        }
        return leases
    }

    /// Offers what was loaded to Redis, and tells the readers: it, or what Redis has that is newer.
    private func fill(_ keys: [Key], _ leases: Leases, asOf: Instant, _ again: inout [Key]) async {
        let loaded = keys.map { ($0, leases.loaded[$0] ?? .neverExisted) }
        let entries = loaded.map { try? entry($0.1) }
        let offers = zip(keys, entries).compactMap { key, entry in entry.map { (key, $0, leases.stamps[key] ?? []) } }
        let filledAt = now()
        var filled: [Key: RedisTier<Key>.Filled] = [:]
        if let session = leases.session, let results = try? await tier.fill(offers, on: session) {
            for (offer, result) in zip(offers, results) { filled[offer.0] = result }
        }
        for ((key, value), entry) in zip(loaded, entries) {
            switch filled[key] {
            case .installed:
                if let entry { remember(key, value.value, entry, asOf: filledAt) }
                land(key, value, asOf: counts(value.version, for: key, asked: filledAt) ? filledAt : asOf, &again)
            case .present(let present):
                let newer = accept(present, of: key, asOf: filledAt)
                land(key, newer ?? value, asOf: newer == nil ? asOf : filledAt, &again)
            case .lost, nil:
                if let entry { remember(key, value.value, entry, asOf: asOf) }
                land(key, value, asOf: asOf, &again)
            }
        }
    }

    func entry(_ value: Versioned<Value>) throws -> Entry {
        guard let present = value.value else { return Entry(state: .absent, version: value.version) }
        return Entry(state: .value, version: value.version, payload: try coder.encode(present))
    }
}
