import Contracts
import Logging
import ServiceLifecycle

/// The signing keys of all instances of the service.
protocol SigningKeyStore: Sendable {
    /// Returns once the store can be asked, or when the task is cancelled.
    func ready() async
    /// Returns all stored keys, oldest first.
    func keys() async throws -> [SigningKey]
    /// Creates the next key if it is due, deletes the keys that no token needs, and returns the rest; one
    /// instance at a time.
    func rotate(_ schedule: KeySchedule, now: Timestamp, forced: Bool) async throws -> [SigningKey]
}

/// This process's copy of the signing keys: signs, publishes, and creates the next key when it is due.
actor KeyRing: Service {
    private let store: any SigningKeyStore
    private let schedule: KeySchedule
    private let now: @Sendable () -> Timestamp
    private let onState: @Sendable (_ trouble: String?) -> Void
    private let logger: Logger
    private var keys: [SigningKey] = []
    /// The start of the load that ``keys`` come from.
    private var loadedAt: Timestamp?
    private var isLoading = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    /// - Parameter onState: gets `nil` when there are keys, otherwise the reason why there are none.
    init(
        _ store: any SigningKeyStore, schedule: KeySchedule = KeySchedule(), now: @escaping @Sendable () -> Timestamp,
        logger: Logger, onState: @escaping @Sendable (_ trouble: String?) -> Void = { _ in }
    ) {
        self.store = store
        self.schedule = schedule
        self.now = now
        self.logger = logger
        self.onState = onState
    }

    /// Returns the key that signs now. Ask for it before committing a change whose answer needs a signature.
    ///
    /// - Throws: what the store throws when the copy is too old to sign with: another instance may have
    ///   rotated since.
    func current() async throws -> SigningKey {
        try await reloadIfStale()
        guard let id = schedule.signing(keys.map(\.schedule), at: now())?.id, let key = keys.first(where: { $0.id == id }) else {
            throw ServiceError(.unavailable, "no signing key is available yet; retry in a moment", retryAfterMilliseconds: 1_000)
        }
        return key
    }

    /// Returns the keys that verify tokens. While the store is away, those of the last copy.
    func published() async throws -> [JSONWebKey] {
        do { try await reloadIfStale() } catch  where !keys.isEmpty {
            logger.warning("signing keys not reloaded", metadata: ["error": "\(error)"])
        }
        let ids = Set(schedule.published(keys.map(\.schedule), at: now()).map(\.id))
        return keys.filter { ids.contains($0.id) }.map(\.published)
    }

    /// Creates the next key at once, unless a key waits for its time to sign.
    func rotate() async throws {
        try await load { now in try await store.rotate(schedule, now: now, forced: true) }
    }

    /// Reloads the keys once a minute, and creates the next one when it is due, until shutdown.
    func run() async throws {
        await cancelWhenGracefulShutdown { await self.keepReloading() }
    }

    private func keepReloading() async {
        await store.ready()
        while !Task.isCancelled {
            let pause: Duration
            do {
                try await load { try await latest(at: $0) }
                pause = .seconds(60)
            } catch {
                report(error)
                pause = .seconds(1)
            }
            try? await Task.sleep(for: pause)
        }
    }

    private var isStale: Bool { loadedAt.map { now() - schedule.slack > $0 } ?? true }

    private func reloadIfStale() async throws {
        while isStale, isLoading { await endOfLoad() }
        if isStale { try await load { try await latest(at: $0) } }
    }

    /// Returns the stored keys after creating the next one if it is due.
    private func latest(at now: Timestamp) async throws -> [SigningKey] {
        let stored = try await store.keys()
        let entries = stored.map(\.schedule)
        let isTidy = schedule.published(entries, at: now).count == entries.count
        if isTidy, schedule.next(after: entries, at: now) == nil { return stored }
        return try await store.rotate(schedule, now: now, forced: false)
    }

    /// Runs loads one at a time, so that an older answer cannot replace a newer one.
    private func load(_ read: (_ now: Timestamp) async throws -> [SigningKey]) async throws {
        while isLoading { await endOfLoad() }
        isLoading = true
        defer {
            isLoading = false
            for waiter in waiters { waiter.resume() }
            waiters = []
        }
        let start = now()
        install(try await read(start), at: start)
    }

    /// Returns when the running load has ended; the store's timeouts bound it.
    private func endOfLoad() async { await withCheckedContinuation { waiters.append($0) } }

    private func install(_ stored: [SigningKey], at start: Timestamp) {
        let new = Set(stored.map(\.id)).subtracting(keys.map(\.id))
        if !new.isEmpty {
            logger.info("signing keys changed", metadata: ["new": "\(new.sorted())", "count": "\(stored.count)"])
        }
        keys = stored
        loadedAt = start
        onState(nil)
    }

    private func report(_ error: any Error) {
        logger.warning("signing keys not read", metadata: ["error": "\(error)"])
        if keys.isEmpty { onState("no signing key") }
    }
}
