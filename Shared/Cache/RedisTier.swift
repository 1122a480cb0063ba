import Redis

/// The cache's part in Redis: names, lives and scripts. Every step belongs to one connection, because names contain the server's process: what a restarted or
/// another server brings with it is never taken for what was written since.
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

    /// What is there; `nil` where nothing is that answers.
    func read(_ keys: [Key], on session: RedisSession) async throws(RedisError) -> [Entry?] {
        if keys.count == 1 { return [try await read(keys[0], on: session)] }
        let replies = try await redis.command(["MGET"] + keys.map { name($0, on: session) }, on: session).array()
        return try checked(replies, keys).map(answer)
    }

    func read(_ key: Key, on session: RedisSession) async throws(RedisError) -> Entry? {
        answer(try await redis.command(["GET", name(key, on: session)], on: session))
    }

    /// The stamp of what is there; `nil` where nothing is that answers.
    func stamp(_ key: Key, on session: RedisSession) async throws(RedisError) -> UInt64? {
        let range: [RedisArgument] = ["GETRANGE", name(key, on: session), 0, .number(Int64(Entry.headerCount - 1))]
        return answer(try await redis.command(range, on: session))?.stamp
    }

    /// Makes places for what will be loaded; answers what is there or was put there.
    func lease(_ keys: [Key], on session: RedisSession) async throws(RedisError) -> [Entry] {
        let leases = keys.map { _ in Entry(state: .lease, version: .min) }
        let replies = try await run(
            Scripts.lease, keys, [milliseconds(configuration.leaseTime)] + leases.map { .bytes($0.bytes) }, on: session)
        return zip(leases, replies).map { lease, reply in entry(reply) ?? lease }
    }

    enum Filled {
        case installed
        /// This is there, as new or newer.
        case present(Entry)
        /// The place is gone: nobody can tell whether this is the newest.
        case lost
    }

    /// - Parameter entries: with the stamps of their leases.
    func fill(_ entries: [(key: Key, entry: Entry, lease: [UInt8])], on session: RedisSession) async throws(RedisError)
        -> [Filled]
    {
        let arguments = entries.flatMap { [.bytes($0.lease), life(of: $0.entry), .bytes($0.entry.bytes)] as [RedisArgument] }
        return try await run(Scripts.fill, entries.map(\.key), arguments, on: session).map { reply in
            if reply == .integer(1) { return .installed }
            return answer(reply).map { .present($0) } ?? .lost
        }
    }

    /// - Returns: of each, whether readers find this very entry from now on; else they load, or find a newer one.
    func put(_ entries: [(key: Key, entry: Entry)], on session: RedisSession) async throws(RedisError) -> [Bool] {
        let arguments = entries.flatMap { [life(of: $0.entry), .bytes($0.entry.bytes)] as [RedisArgument] }
        return try await run(Scripts.put, entries.map(\.key), arguments, on: session).map { $0 == .integer(1) }
    }

    /// Keeps readers from what is older; from whatever is there, when `versions` are not given.
    func fence(_ keys: [Key], versions: [Int64]?, on session: RedisSession) async throws(RedisError) {
        let leases = keys.indices.map { Entry(state: .lease, version: versions?[$0] ?? .min) }
        let head: [RedisArgument] = [milliseconds(configuration.leaseTime), versions == nil ? "0" : "1"]
        _ = try await redis.run(
            Scripts.fence, keys: keys.map { name($0, on: session) }, arguments: head + leases.map { .bytes($0.bytes) },
            on: session)
    }

    private func run(
        _ script: RedisScript, _ keys: [Key], _ arguments: [RedisArgument], on session: RedisSession
    ) async throws(RedisError) -> [RedisReply] {
        let reply = try await redis.run(script, keys: keys.map { name($0, on: session) }, arguments: arguments, on: session)
        return try checked(try reply.array(), keys)
    }

    private func checked(_ replies: [RedisReply], _ keys: [Key]) throws(RedisError) -> [RedisReply] {
        guard replies.count == keys.count else { throw .unexpected(.array(replies), wanted: "\(keys.count) answers") }
        return replies
    }

    private func entry(_ reply: RedisReply) -> Entry? {
        guard case .bytes(let bytes) = reply else { return nil }
        return Entry(bytes)
    }

    private func answer(_ reply: RedisReply) -> Entry? { entry(reply).flatMap { $0.isAnswer ? $0 : nil } }

    /// Spread by a fifth to either side, so that what was filled together is not loaded together.
    private func life(of entry: Entry) -> RedisArgument {
        milliseconds(configuration.life(isAbsent: entry.state == .absent) * Double.random(in: 0.8...1.2))
    }

    private func milliseconds(_ duration: Duration) -> RedisArgument { .number(max(1, Int64(duration / .milliseconds(1)))) }
}
