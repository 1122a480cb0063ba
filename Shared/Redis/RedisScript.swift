import Synchronization

/// A Lua script that Redis runs as one step. Make one per text and keep it: it remembers the name that Redis gave it.
package final class RedisScript: Sendable {
    package let text: String
    /// What `SCRIPT LOAD` answered: the SHA-1 of the text, which is the same on every server and for ever.
    private let digest = Mutex<String?>(nil)

    package init(_ text: String) { self.text = text }

    var knownDigest: String? { digest.withLock { $0 } }
    func remember(_ digest: String) { self.digest.withLock { $0 = digest } }
}

extension RedisClient {
    /// Runs `script` by its digest; loads it first where the server does not know it.
    ///
    /// - Parameters:
    ///   - keys: `KEYS[1]`…; every key that the script touches.
    ///   - arguments: `ARGV[1]`…
    ///   - session: see ``command(_:timeout:on:)``.
    package func run(
        _ script: RedisScript, keys: [RedisArgument], arguments: [RedisArgument] = [], timeout: Duration? = nil,
        on session: RedisSession? = nil
    ) async throws(RedisError) -> RedisReply {
        let rest = [.number(Int64(keys.count))] + keys + arguments
        if let digest = script.knownDigest {
            do {
                return try await command(["EVALSHA", .text(digest)] + rest, timeout: timeout, on: session)
            } catch let error where error.message.hasPrefix("NOSCRIPT") {
                // A restarted Redis has forgotten it.
            }
        }
        let digest = try await load(script, timeout: timeout, on: session)
        return try await command(["EVALSHA", .text(digest)] + rest, timeout: timeout, on: session)
    }

    private func load(_ script: RedisScript, timeout: Duration?, on session: RedisSession?) async throws(RedisError) -> String {
        let reply = try await command(["SCRIPT", "LOAD", .text(script.text)], timeout: timeout, on: session)
        guard let bytes = try reply.optionalBytes() else { throw .unexpected(reply, wanted: "a digest") }
        let digest = String(decoding: bytes, as: UTF8.self)
        script.remember(digest)
        return digest
    }
}
