import Bus
import Contracts
import JWTKit
import Logging
import ServiceLifecycle
import Synchronization

/// The public keys of `users`, kept: they go on working while `users` is away.
package actor KeySet: Service {
    /// How often keys are looked after, so that a new one is known before it signs.
    private static let interval = Duration.seconds(60)
    /// An unknown key's name makes us ask at most this often.
    private static let pause = Duration.seconds(5)

    private let bus: any ProcedureCaller
    private let logger: Logger
    private let clock = ContinuousClock()
    private let onKeys: @Sendable () -> Void
    private var keys: [String: JWTKeyCollection] = [:]
    private nonisolated let document = Mutex<GetKeys.Response?>(nil)
    private var asked: ContinuousClock.Instant?
    /// The asking that goes on now; whoever needs its answer waits for it.
    private var asking: Task<Void, Never>?

    /// - Parameter onKeys: called whenever keys were fetched.
    package init(bus: any ProcedureCaller, logger: Logger, onKeys: @escaping @Sendable () -> Void = {}) {
        (self.bus, self.logger, self.onKeys) = (bus, logger, onKeys)
    }

    /// As `users` publishes them; `nil` until they were fetched.
    package nonisolated var published: GetKeys.Response? { document.withLock { $0 } }

    /// Fetches the keys at once and every minute.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.refresh()
                let wait = self.published == nil ? Duration.milliseconds(250) : Self.interval
                try? await Task.sleep(for: wait)
            }
        }
    }

    /// - Throws: ``TokenError/unavailable(_:)`` while no key at all is known: nothing can be said of any token then.
    func requireAny() async throws {
        if keys.isEmpty { await ask() }
        if keys.isEmpty { throw TokenError.unavailable("Access tokens cannot be verified at the moment.") }
    }

    /// - Returns: `nil` when there is no such key, asked anew if that was not done just before.
    /// - Throws: ``TokenError/unavailable(_:)`` while no key at all is known.
    func key(named kid: String) async throws -> JWTKeyCollection? {
        if let key = keys[kid] { return key }
        await ask()
        try await requireAny()
        return keys[kid]
    }

    /// Anew, if that was not done just before; together with whoever is asking.
    private func ask() async {
        if let asking {
            await asking.value
        } else if asked.map({ clock.now - $0 > Self.pause }) ?? true {
            await refresh()
        }
    }

    private func refresh() async {
        if let asking { return await asking.value }
        // On nobody's account: the first one to ask may be in a hurry, or leave.
        let asking = Task.detached { await self.fetch() }
        self.asking = asking
        await asking.value
        self.asking = nil
    }

    private func fetch() async {
        asked = clock.now
        do {
            let answer = try await bus.call(GetKeys())
            var fetched: [String: JWTKeyCollection] = [:]
            for key in answer.keys where key.kty == "OKP" && key.crv == "Ed25519" {
                guard let verifying = try? EdDSA.PublicKey(x: key.x, curve: .ed25519) else {
                    logger.error("a key cannot be read", metadata: ["kid": "\(key.kid)"])
                    continue
                }
                let collection = JWTKeyCollection()
                await collection.add(eddsa: verifying)
                fetched[key.kid] = collection
            }
            guard !fetched.isEmpty else { return }
            keys = fetched
            document.withLock { $0 = answer }
            onKeys()
        } catch {
            logger.notice("keys not fetched", metadata: ["error": "\(error)"])
        }
    }
}
