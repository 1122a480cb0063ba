import Redis

extension Cache {
    /// Publishes a value that was just committed. Call it after the commit and before the response to the
    /// writer.
    ///
    /// Call it also before the response to a repeated write: the first attempt may have ended between commit
    /// and publication. It never fails: if Redis is unreachable, readers are fenced from the values that
    /// Redis still has.
    @discardableResult
    package func put(_ key: Key, _ value: Versioned<Value>) async -> CacheWrite { await put([key: value]) }

    /// Publishes several values in one step.
    @discardableResult
    package func put(_ values: [Key: Versioned<Value>]) async -> CacheWrite {
        var entries: [(key: Key, entry: CacheEntry)] = []
        for (key, value) in values {
            // A value that cannot be encoded cannot be read from Redis either. Readers load it from the
            // store.
            guard let entry = try? entry(for: value) else {
                return await invalidate(values.mapValues { Optional($0.version) })
            }
            entries.append((key, entry))
        }
        let asOf = now()
        let changes = values.mapValues { Optional($0.version) }
        guard !entries.isEmpty else { return .stored }
        guard let session = tier.redis.session, let stored = try? await tier.put(entries, on: session) else {
            return fence(changes)
        }
        for ((key, entry), isStored) in zip(entries, stored) {
            memory.invalidate(key, olderThan: entry.version)
            if isStored { store(values[key]?.value, entry: entry, for: key, asOf: asOf, wasRead: false) }
        }
        return announce(changes)
    }

    /// Returns the values in process memory that a reader has asked for since the last write here, within
    /// `age`.
    ///
    /// A writer that can derive the next version from them saves the next reader a load. They may be older
    /// than the last commit: check the version.
    package func cached(_ keys: some Sequence<Key>, readWithin age: Duration) -> [Key: Versioned<Value>] {
        let oldest = now() - age
        var found: [Key: Versioned<Value>] = [:]
        for key in keys {
            guard let cached = memory.peek(key), cached.wasRead, cached.asOf >= oldest else { continue }
            found[key] = Versioned(cached.value, version: cached.version)
        }
        return found
    }

    /// Invalidates keys whose new values are not at hand. The next readers load them.
    ///
    /// - Parameter version: the minimum version that readers get; `nil`: everything known now is stale.
    @discardableResult
    package func invalidate(_ keys: [Key], version: Int64? = nil) async -> CacheWrite {
        await invalidate(Dictionary(keys.map { ($0, version) }) { first, _ in first })
    }

    /// Invalidates keys, each below a version of its own, in one step.
    @discardableResult
    package func invalidate(_ versions: [Key: Int64]) async -> CacheWrite {
        await invalidate(versions.mapValues { Optional($0) })
    }

    private func invalidate(_ changes: [Key: Int64?]) async -> CacheWrite {
        if changes.isEmpty { return .stored }
        let versions = changes.values.compactMap { $0 }
        for (key, version) in changes { memory.invalidate(key, olderThan: version) }
        guard let session = tier.redis.session,
            (try? await tier.fence(Array(changes.keys), versions: versions.count == changes.count ? versions : nil, on: session))
                != nil
        else { return fence(changes) }
        for (key, version) in changes { memory.invalidate(key, olderThan: version) }
        return announce(changes)
    }

    private func announce(_ changes: [Key: Int64?]) -> CacheWrite {
        broadcast(CacheNotice(kind: configuration.kind, changes: changes.map { .init(key: $0.description, version: $1) }))
        return .stored
    }

    // MARK: Redis is unreachable

    /// Longer than Redis keeps any value.
    private var longestTimeToLive: Duration { max(configuration.timeToLive, configuration.absentTimeToLive) * 1.25 }

    /// Fences the keys here and in the other processes, and queues the invalidations for Redis.
    private func fence(_ changes: [Key: Int64?]) -> CacheWrite {
        metrics.countUnreachable()
        let (now, duration) = (now(), longestTimeToLive)
        var isPerKey = true
        for (key, version) in changes {
            memory.invalidate(key, olderThan: version)
            isPerKey = staleKeys.add(key, below: version, until: now + duration, now: now) && isPerKey
            if isPerKey, pendingInvalidations.add(key, version: version, until: now + duration) { sendInvalidationsLater() }
        }
        broadcast(
            CacheNotice(
                kind: configuration.kind, changes: changes.map { .init(key: $0.description, version: $1) },
                fenceMilliseconds: Int64(duration / .milliseconds(1)), allKeys: !isPerKey))
        return .unreachable
    }

    /// Retries until Redis has received all invalidations. This also protects processes that missed the
    /// notice.
    private func sendInvalidationsLater() {
        Task.detached(executorPreference: io) { [weak self] in
            while await self?.sendInvalidations() == true {
                try? await Task.sleep(for: .milliseconds(Int.random(in: 50...150)))
            }
        }
    }

    /// Returns whether invalidations are left.
    private func sendInvalidations() async -> Bool {
        while true {
            if pendingInvalidations.isEmpty(at: now()) {
                pendingInvalidations.stopSending()
                return false
            }
            guard let session = tier.redis.session else { return true }
            let batch = pendingInvalidations.batch(atMost: 200, at: now())
            let versions = batch.compactMap(\.version)
            guard
                (try? await tier.fence(
                    batch.map(\.key), versions: versions.count == batch.count ? versions : nil, on: session)) != nil
            else { return true }
            for (key, version) in batch {
                pendingInvalidations.remove(key, sent: version)
                staleKeys.lift(key, upTo: version, now: now())
            }
        }
    }
}
