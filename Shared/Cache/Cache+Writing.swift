import Redis

extension Cache {
    /// Makes known what was just committed. Call it after the commit and before answering; also before answering a repeat, whose first try may have died in between.
    ///
    /// Never fails the write: if Redis cannot be told, readers are kept from what it still has.
    @discardableResult
    package func put(_ key: Key, _ value: Versioned<Value>) async -> CacheWrite { await put([key: value]) }

    /// As one step for all of them.
    @discardableResult
    package func put(_ values: [Key: Versioned<Value>]) async -> CacheWrite {
        var entries: [(key: Key, entry: Entry)] = []
        for (key, value) in values {
            // What cannot be coded cannot be shown from Redis either: the owner's coder is at fault, and readers load.
            guard let entry = try? entry(value) else { return await invalidate(values.mapValues { Optional($0.version) }) }
            entries.append((key, entry))
        }
        let asOf = now()
        let changes = values.mapValues { Optional($0.version) }
        guard !entries.isEmpty else { return .stored }
        guard let session = tier.redis.session, let kept = try? await tier.put(entries, on: session) else {
            return failed(changes)
        }
        for ((key, entry), isKept) in zip(entries, kept) {
            memory.forget(key, olderThan: entry.version)
            if isKept { remember(key, values[key]?.value, entry, asOf: asOf, wasRead: false) }
        }
        return told(changes)
    }

    /// What this process remembers of those keys that somebody has asked for since they were last written here, within `age`.
    ///
    /// For a writer who can make the next version of it: that saves the next reader a load, and is not worth it for what nobody reads. It may be older than what was
    /// committed before: look at the version.
    package func cached(_ keys: some Sequence<Key>, readWithin age: Duration) -> [Key: Versioned<Value>] {
        let oldest = now() - age
        var found: [Key: Versioned<Value>] = [:]
        for key in keys {
            guard let known = memory.any(key), known.wasRead, known.asOf >= oldest else { continue }
            found[key] = Versioned(known.value, version: known.version)
        }
        return found
    }

    /// Makes known that something was committed whose outcome is not at hand: the next readers load it.
    ///
    /// - Parameter version: what they find has at least this version; `nil`: whatever is known now is stale.
    @discardableResult
    package func invalidate(_ keys: [Key], version: Int64? = nil) async -> CacheWrite {
        await invalidate(Dictionary(keys.map { ($0, version) }) { first, _ in first })
    }

    /// Likewise, each key with the version of its own, in one step.
    @discardableResult
    package func invalidate(_ versions: [Key: Int64]) async -> CacheWrite {
        await invalidate(versions.mapValues { Optional($0) })
    }

    private func invalidate(_ changes: [Key: Int64?]) async -> CacheWrite {
        if changes.isEmpty { return .stored }
        let versions = changes.values.compactMap { $0 }
        for (key, version) in changes { memory.forget(key, olderThan: version) }
        guard let session = tier.redis.session,
            (try? await tier.fence(Array(changes.keys), versions: versions.count == changes.count ? versions : nil, on: session))
                != nil
        else { return failed(changes) }
        for (key, version) in changes { memory.forget(key, olderThan: version) }
        return told(changes)
    }

    private func told(_ changes: [Key: Int64?]) -> CacheWrite {
        broadcast(CacheNotice(kind: configuration.kind, changes: changes.map { .init(key: $0.description, version: $1) }))
        return .stored
    }

    // MARK: When Redis cannot be told

    /// Longer than any value in Redis lives.
    private var longestLife: Duration { max(configuration.timeToLive, configuration.absentTimeToLive) * 1.25 }

    private func failed(_ changes: [Key: Int64?]) -> CacheWrite {
        metrics.withoutRedis()
        let (now, life) = (now(), longestLife)
        var single = true
        for (key, version) in changes {
            memory.forget(key, olderThan: version)
            single = distrust.add(key, below: version, until: now + life, now: now) && single
            if single, untold.add(key, version, until: now + life) { tellLater() }
        }
        broadcast(
            CacheNotice(
                kind: configuration.kind, changes: changes.map { .init(key: $0.description, version: $1) },
                fenceMilliseconds: Int64(life / .milliseconds(1)), everything: !single))
        return .unreachable
    }

    /// Tells Redis as soon as it can be reached, so that also those are kept from stale values who have not heard of them.
    private func tellLater() {
        Task.detached(executorPreference: io) { [weak self] in
            while await self?.tellSome() == true { try? await Task.sleep(for: .milliseconds(Int.random(in: 50...150))) }
        }
    }

    /// Whether there is more to tell.
    private func tellSome() async -> Bool {
        while true {
            if untold.isOver(at: now()) {
                untold.stop()
                return false
            }
            guard let session = tier.redis.session else { return true }
            let some = untold.some(200, at: now())
            let versions = some.compactMap(\.version)
            guard
                (try? await tier.fence(some.map(\.key), versions: versions.count == some.count ? versions : nil, on: session))
                    != nil
            else { return true }
            for (key, version) in some {
                untold.told(key, version)
                distrust.end(key, upTo: version, now: now())
            }
        }
    }
}
