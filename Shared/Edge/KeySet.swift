import Bus
import Contracts
import JWTKit
import Logging
import ServiceLifecycle
import Synchronization

/// The public signing keys of `users`. Known keys stay in use while `users` is unavailable.
///
/// Only one reload runs at a time, so an older answer never replaces a newer one.
package actor KeySet: Service {
    /// `users` publishes a key longer than this before it signs with it.
    private static let interval = Duration.seconds(60)
    /// The least time between two reloads that unknown key names cause.
    private static let minimumPause = Duration.seconds(5)
    private static let retryDelay = Duration.milliseconds(250)

    private let bus: any ProcedureCaller
    private let logger: Logger
    private let clock = ContinuousClock()
    private let onKeys: @Sendable () -> Void
    private var keys: [String: JWTKeyCollection] = [:]
    private nonisolated let document = Mutex<GetKeys.Response?>(nil)
    private var lastReload: ContinuousClock.Instant?
    /// The reload under way. Callers that need its result wait for it.
    private var reload: Task<Void, Never>?

    /// - Parameter onKeys: called after every successful reload.
    package init(bus: any ProcedureCaller, logger: Logger, onKeys: @escaping @Sendable () -> Void = {}) {
        self.bus = bus
        self.logger = logger
        self.onKeys = onKeys
    }

    /// The keys as `users` publishes them; `nil` until the first successful reload.
    package nonisolated var published: GetKeys.Response? { document.withLock { $0 } }

    /// Reloads the keys at once and every minute; every 250 ms until the first success.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.reloadKeys()
                try? await Task.sleep(for: self.published == nil ? Self.retryDelay : Self.interval)
            }
        }
    }

    /// - Throws: ``TokenError/unavailable(_:)`` while no key is known: no token can be judged then.
    func requireAny() async throws {
        if keys.isEmpty { await reloadIfDue() }
        if keys.isEmpty {
            throw TokenError.unavailable("Sign-in keys are not available yet. Retry in a few seconds.")
        }
    }

    /// Returns the key with this name. For an unknown name it first reloads the keys, unless a reload has
    /// just ended.
    ///
    /// - Throws: ``TokenError/unavailable(_:)`` while no key is known.
    func key(named kid: String) async throws -> JWTKeyCollection? {
        if let key = keys[kid] { return key }
        await reloadIfDue()
        try await requireAny()
        return keys[kid]
    }

    private func reloadIfDue() async {
        if let reload {
            await reload.value
        } else if lastReload.map({ clock.now - $0 > Self.minimumPause }) ?? true {
            await reloadKeys()
        }
    }

    private func reloadKeys() async {
        if let reload { return await reload.value }
        // Detached: the deadline and cancellation of the first caller must not end the reload for the others.
        let reload = Task.detached { await self.fetch() }
        self.reload = reload
        await reload.value
        self.reload = nil
    }

    private func fetch() async {
        lastReload = clock.now
        do {
            let answer = try await bus.call(GetKeys())
            var fetched: [String: JWTKeyCollection] = [:]
            for key in answer.keys where key.kty == "OKP" && key.crv == "Ed25519" {
                guard let publicKey = try? EdDSA.PublicKey(x: key.x, curve: .ed25519) else {
                    logger.error("signing key not readable", metadata: ["kid": "\(key.kid)"])
                    continue
                }
                let collection = JWTKeyCollection()
                await collection.add(eddsa: publicKey)
                fetched[key.kid] = collection
            }
            guard !fetched.isEmpty else { return }
            keys = fetched
            document.withLock { $0 = answer }
            onKeys()
        } catch {
            logger.notice("signing keys not fetched", metadata: ["error": "\(error)"])
        }
    }
}
