import CRedis
import Foundation

/// A hiredis context: its socket and the parser of its replies. The end of this value frees it and closes the
/// socket.
///
/// Unchecked, because a C pointer is not `Sendable`. A context is bound to no thread and uses no globals.
/// This value is the only access to it and cannot be copied, so it has one user at a time.
struct RedisContext: ~Copyable, @unchecked Sendable {
    private let raw: UnsafeMutablePointer<redisContext>

    private init(adopting raw: UnsafeMutablePointer<redisContext>) { self.raw = raw }

    /// Connects; blocks for up to `timeout` plus the time of name resolution. Also limits later blocking
    /// reads.
    static func connect(host: String, port: Int, timeout: Duration) throws(RedisError) -> RedisContext {
        let limit = timeval(timeout)
        guard let raw = redisConnectWithTimeout(host, CInt(clamping: port), limit) else { throw failure("out of memory") }
        let context = RedisContext(adopting: raw)
        try context.check(raw.pointee.err == 0)
        // Child processes must not inherit the socket.
        _ = fcntl(raw.pointee.fd, F_SETFD, FD_CLOEXEC)
        try context.check(redisSetTimeout(raw, limit) == REDIS_OK)
        _ = redisEnableKeepAlive(raw)
        return context
    }

    deinit { redisFree(raw) }

    var descriptor: CInt { raw.pointee.fd }

    /// Makes ``send(_:)`` and ``receive()`` non-blocking.
    mutating func stopBlocking() throws(RedisError) {
        let flags = fcntl(descriptor, F_GETFL)
        try check(flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0)
        // hiredis keeps a flag of its own, and would block without this.
        raw.pointee.flags &= ~REDIS_BLOCK
    }

    /// Sends as much of `bytes` as the socket accepts. Returns the number of bytes sent; 0 when the socket is
    /// full.
    ///
    /// hiredis' own writer raises SIGPIPE when the server has closed the connection.
    func send(_ bytes: UnsafeRawBufferPointer) throws(RedisError) -> Int {
        while true {
            let count = Foundation.send(descriptor, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN: return 0
            default: throw Self.failure(String(cString: strerror(errno)))
            }
        }
    }

    /// The size of one read of hiredis. A shorter read has emptied the socket.
    static let readSize = 16 * 1_024
    /// The maximum number of reads per loop turn, so that other sources get their turn.
    static let readsPerTurn = 16

    /// Reads from the socket into the parser, up to ``readSize``. Returns the number of bytes.
    ///
    /// Call ``nextReply()`` until it returns `nil` afterwards: hiredis moves its whole buffer to the front
    /// for every KiB of parsed replies, so a backlog is expensive.
    mutating func receive() throws(RedisError) -> Int {
        let before = raw.pointee.reader.pointee.len
        try check(redisBufferRead(raw) == REDIS_OK)
        return raw.pointee.reader.pointee.len - before
    }

    /// Returns the next complete reply that was received.
    mutating func nextReply() throws(RedisError) -> RedisReply? {
        var object: UnsafeMutableRawPointer?
        try check(redisGetReplyFromReader(raw, &object) == REDIS_OK)
        guard let object else { return nil }
        defer { freeReplyObject(object) }
        return RedisReply(object.assumingMemoryBound(to: redisReply.self).pointee)
    }

    /// Sends one command and blocks until its reply; only before ``stopBlocking()``.
    mutating func request(_ command: [RedisArgument]) throws(RedisError) -> RedisReply {
        var output = OutputBuffer()
        output.append(command)
        while !output.isEmpty {
            try output.drain { bytes throws(RedisError) in
                let count = try send(bytes)
                if count == 0 { throw RedisError.timedOut }
                return count
            }
        }
        var object: UnsafeMutableRawPointer?
        try check(redisGetReply(raw, &object) == REDIS_OK)
        guard let object else { throw .connectionLost }
        defer { freeReplyObject(object) }
        let reply = RedisReply(object.assumingMemoryBound(to: redisReply.self).pointee)
        if case .error(let message) = reply { throw .refused(message) }
        return reply
    }

    /// - Throws: the error of hiredis, unless `succeeded`. The context is unusable then.
    private func check(_ succeeded: Bool) throws(RedisError) {
        if succeeded { return }
        let message = withUnsafeBytes(of: raw.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        throw Self.failure(message.isEmpty ? String(cString: strerror(errno)) : message)
    }

    private static func failure(_ message: String) -> RedisError {
        RedisError(.connectionLost, message, mayHaveHappened: true)
    }
}

extension RedisReply {
    /// Copies a reply that hiredis parsed.
    init(_ raw: redisReply) {
        switch raw.type {
        case REDIS_REPLY_STRING: self = .bytes([UInt8](UnsafeRawBufferPointer(start: raw.str, count: raw.len)))
        case REDIS_REPLY_STATUS: self = .status(Self.text(raw))
        case REDIS_REPLY_ERROR: self = .error(Self.text(raw))
        case REDIS_REPLY_INTEGER: self = .integer(raw.integer)
        case REDIS_REPLY_ARRAY:
            let elements = UnsafeBufferPointer(start: raw.element, count: raw.elements)
            self = .array(elements.map { $0.map { RedisReply($0.pointee) } ?? .null })
        default: self = .null
        }
    }

    private static func text(_ raw: redisReply) -> String {
        String(decoding: UnsafeRawBufferPointer(start: raw.str, count: raw.len), as: UTF8.self)
    }
}

extension timeval {
    init(_ duration: Duration) {
        let microseconds = max(1_000, duration.nanoseconds / 1_000)
        self.init(tv_sec: Int(microseconds / 1_000_000), tv_usec: Int(microseconds % 1_000_000))
    }
}
