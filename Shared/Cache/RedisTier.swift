import Redis

/// The cache's part in Redis: key names, times to live and scripts.
///
/// Every step is bound to one connection, because key names contain the identity of the server process.
/// Values that a restarted or another server brings along are therefore never mistaken for current ones.
struct RedisTier<Key: Hashable & Sendable & LosslessStringConvertible>: Sendable {
    let redis: RedisClient
    private let prefix: String
    private let configuration: CacheConfiguration

    init(_ configuration: CacheConfiguration, redis: RedisClient) {
        self.redis = redis
        self.configuration = configuration
        prefix = "\(configuration.prefix)\(configuration.kind):"
    }

    /// `<prefix><kind>:<server>:<key>`
    func name(_ key: Key, on session: RedisSession) -> RedisArgument { .text("\(prefix)\(session.server.prefix(12)):\(key)") }

    /// Returns the entries of `keys`; `nil` where there is no readable entry.
    func read(_ keys: [Key], on session: RedisSession) async throws(RedisError) -> [CacheEntry?] {
        if keys.count == 1 { return [try await read(keys[0], on: session)] }
        let replies = try await redis.command(["MGET"] + keys.map { name($0, on: session) }, on: session).array()
        return try checked(replies, for: keys).map(readableEntry)
    }

    func read(_ key: Key, on session: RedisSession) async throws(RedisError) -> CacheEntry? {
        readableEntry(try await redis.command(["GET", name(key, on: session)], on: session))
    }

    /// Returns the stamp of the entry; `nil` when there is no readable entry.
    func stamp(_ key: Key, on session: RedisSession) async throws(RedisError) -> UInt64? {
        let range: [RedisArgument] = ["GETRANGE", name(key, on: session), 0, .number(Int64(CacheEntry.headerCount - 1))]
        return readableEntry(try await redis.command(range, on: session))?.stamp
    }

    /// Takes out leases on the keys that will be loaded. Returns the entries that are there afterwards.
    func lease(_ keys: [Key], on session: RedisSession) async throws(RedisError) -> [CacheEntry] {
        let leases = keys.map { _ in CacheEntry(state: .lease, version: .min) }
        let replies = try await run(
            Scripts.lease, keys: keys, arguments: [milliseconds(configuration.leaseTime)] + leases.map { .bytes($0.bytes) },
            on: session)
        return zip(leases, replies).map { lease, reply in entry(reply) ?? lease }
    }

    enum FillResult {
        case installed
        /// Redis has this entry, which is as new or newer.
        case present(CacheEntry)
        /// The lease is gone, so whether the loaded value is current is unknown.
        case leaseLost
    }

    /// - Parameter entries: the loaded entries, with the stamps of their leases.
    func fill(_ entries: [(key: Key, entry: CacheEntry, lease: [UInt8])], on session: RedisSession) async throws(RedisError)
        -> [FillResult]
    {
        let arguments = entries.flatMap {
            [.bytes($0.lease), timeToLive(of: $0.entry), .bytes($0.entry.bytes)] as [RedisArgument]
        }
        return try await run(Scripts.fill, keys: entries.map(\.key), arguments: arguments, on: session).map { reply in
            if reply == .integer(1) { return .installed }
            return readableEntry(reply).map { .present($0) } ?? .leaseLost
        }
    }

    /// - Returns: for each entry, whether readers get exactly this one from now on. Otherwise they load, or
    ///   get a newer one.
    func put(_ entries: [(key: Key, entry: CacheEntry)], on session: RedisSession) async throws(RedisError) -> [Bool] {
        let arguments = entries.flatMap { [timeToLive(of: $0.entry), .bytes($0.entry.bytes)] as [RedisArgument] }
        return try await run(Scripts.put, keys: entries.map(\.key), arguments: arguments, on: session).map { $0 == .integer(1) }
    }

    /// Keeps readers from entries older than `versions`; from any present entry when `versions` is `nil`.
    func fence(_ keys: [Key], versions: [Int64]?, on session: RedisSession) async throws(RedisError) {
        let leases = keys.indices.map { CacheEntry(state: .lease, version: versions?[$0] ?? .min) }
        let head: [RedisArgument] = [milliseconds(configuration.leaseTime), versions == nil ? "0" : "1"]
        _ = try await redis.run(
            Scripts.fence, keys: keys.map { name($0, on: session) }, arguments: head + leases.map { .bytes($0.bytes) },
            on: session)
    }

    private func run(
        _ script: RedisScript, keys: [Key], arguments: [RedisArgument], on session: RedisSession
    ) async throws(RedisError) -> [RedisReply] {
        let reply = try await redis.run(script, keys: keys.map { name($0, on: session) }, arguments: arguments, on: session)
        return try checked(try reply.array(), for: keys)
    }

    private func checked(_ replies: [RedisReply], for keys: [Key]) throws(RedisError) -> [RedisReply] {
        guard replies.count == keys.count else { throw .unexpected(.array(replies), expected: "\(keys.count) elements") }
        return replies
    }

    private func entry(_ reply: RedisReply) -> CacheEntry? {
        guard case .bytes(let bytes) = reply else { return nil }
        return CacheEntry(bytes)
    }

    private func readableEntry(_ reply: RedisReply) -> CacheEntry? { entry(reply).flatMap { $0.isReadable ? $0 : nil } }

    /// Jittered by ±20 %, so that entries written together do not expire together.
    private func timeToLive(of entry: CacheEntry) -> RedisArgument {
        milliseconds(configuration.effectiveTimeToLive(isAbsent: entry.state == .absent) * Double.random(in: 0.8...1.2))
    }

    private func milliseconds(_ duration: Duration) -> RedisArgument { .number(max(1, Int64(duration / .milliseconds(1)))) }
}
