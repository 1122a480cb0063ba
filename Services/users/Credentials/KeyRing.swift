import Contracts
import Logging
import ServiceLifecycle

/// The signing keys as this process knows them: signs with the one whose turn it is, says which verify, and makes the next when it is due.
actor KeyRing: Service {
    private let store: KeyStore
    private let schedule: KeySchedule
    private let now: @Sendable () -> Timestamp
    private let onState: @Sendable (_ trouble: String?) -> Void
    private let logger: Logger
    private var keys: [SigningKey] = []
    private var loadedAt: Timestamp?

    /// - Parameter onState: told whether there are keys to work with; `nil` when there are.
    init(
        _ store: KeyStore, schedule: KeySchedule = KeySchedule(), now: @escaping @Sendable () -> Timestamp, logger: Logger,
        onState: @escaping @Sendable (_ trouble: String?) -> Void = { _ in }
    ) {
        self.store = store
        self.schedule = schedule
        self.now = now
        self.logger = logger
        self.onState = onState
    }

    /// The key of the hour. Ask for it before a change is committed whose answer needs a signature.
    ///
    /// - Throws: what the store throws, when what is known is too old to sign by: another instance may have rotated since.
    func current() async throws -> SigningKey {
        if isStale { try await reload() }
        guard let id = schedule.signing(keys.map(\.schedule), at: now())?.id, let key = keys.first(where: { $0.id == id }) else {
            throw ServiceError(.unavailable, "there is no key to sign with yet", retryAfterMilliseconds: 1_000)
        }
        return key
    }

    /// The keys that verify. While the store is away, those that are known.
    func published() async throws -> [JSONWebKey] {
        if isStale {
            do { try await reload() } catch  where !keys.isEmpty {
                logger.warning("cannot look for new signing keys", metadata: ["error": "\(error)"])
            }
        }
        let ids = Set(schedule.published(keys.map(\.schedule), at: now()).map(\.id))
        return keys.filter { ids.contains($0.id) }.map(\.published)
    }

    /// Makes the next key at once, unless one waits for its turn already.
    func rotate() async throws { take(try await store.rotate(schedule, now: now(), forced: true)) }

    /// Looks for other instances' keys and makes the next one when it is due, once a minute, until shutdown.
    func run() async throws {
        await cancelWhenGracefulShutdown { await self.keepLooking() }
    }

    private func keepLooking() async {
        await store.ready()
        while !Task.isCancelled {
            let pause: Duration
            do {
                try await reload()
                pause = .seconds(60)
            } catch {
                report(error)
                pause = .seconds(1)
            }
            try? await Task.sleep(for: pause)
        }
    }

    private var isStale: Bool { loadedAt.map { now() - schedule.slack > $0 } ?? true }

    private func reload() async throws {
        let stored = try await store.keys()
        let (entries, now) = (stored.map(\.schedule), now())
        let isTidy = schedule.published(entries, at: now).count == entries.count
        take(isTidy && schedule.next(after: entries, at: now) == nil ? stored : try await store.rotate(schedule, now: now))
    }

    private func take(_ stored: [SigningKey]) {
        let new = Set(stored.map(\.id)).subtracting(keys.map(\.id))
        if !new.isEmpty {
            logger.info("signing keys have changed", metadata: ["new": "\(new.sorted())", "count": "\(stored.count)"])
        }
        (keys, loadedAt) = (stored, now())
        onState(nil)
    }

    private func report(_ error: any Error) {
        logger.warning("cannot read the signing keys", metadata: ["error": "\(error)"])
        if keys.isEmpty { onState("no signing key") }
    }
}
