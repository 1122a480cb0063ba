import Synchronization

/// A Lua script that Redis runs atomically. Create one per text and keep it: it caches the digest.
package final class RedisScript: Sendable {
    package let text: String
    /// The SHA-1 of the text, as `SCRIPT LOAD` returns it; the same on every server.
    private let digest = Mutex<String?>(nil)

    package init(_ text: String) { self.text = text }

    var knownDigest: String? { digest.withLock { $0 } }
    func store(_ digest: String) { self.digest.withLock { $0 = digest } }
}

extension RedisClient {
    /// Runs `script` by its digest, and loads it first if the server does not have it.
    ///
    /// - Parameters:
    ///   - keys: `KEYS[1]`…: every key that the script accesses.
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
                // A restarted Redis has no scripts.
            }
        }
        let digest = try await load(script, timeout: timeout, on: session)
        return try await command(["EVALSHA", .text(digest)] + rest, timeout: timeout, on: session)
    }

    private func load(_ script: RedisScript, timeout: Duration?, on session: RedisSession?) async throws(RedisError) -> String {
        let reply = try await command(["SCRIPT", "LOAD", .text(script.text)], timeout: timeout, on: session)
        guard let bytes = try reply.optionalBytes() else { throw .unexpected(reply, expected: "a digest") }
        let digest = String(decoding: bytes, as: UTF8.self)
        script.store(digest)
        return digest
    }
}
