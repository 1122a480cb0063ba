import CRedis
import Foundation

/// A hiredis context: its socket and the parser of its answers. Freed, and the socket closed, with this value.
///
/// Unchecked, because a C pointer is not `Sendable`: a context has no ties to a thread and no globals, and this value is the only way to it and cannot be
/// copied, so that it has one user at a time.
struct RedisContext: ~Copyable, @unchecked Sendable {
    private let raw: UnsafeMutablePointer<redisContext>

    private init(adopting raw: UnsafeMutablePointer<redisContext>) { self.raw = raw }

    /// Connects; blocks for up to `timeout` and the time that the name takes. Later reads wait as long.
    static func connect(host: String, port: Int, timeout: Duration) throws(RedisError) -> RedisContext {
        let limit = timeval(timeout)
        guard let raw = redisConnectWithTimeout(host, CInt(clamping: port), limit) else { throw failure("out of memory") }
        let context = RedisContext(adopting: raw)
        try context.check(raw.pointee.err == 0)
        // Sockets must not leak into child processes.
        _ = fcntl(raw.pointee.fd, F_SETFD, FD_CLOEXEC)
        try context.check(redisSetTimeout(raw, limit) == REDIS_OK)
        _ = redisEnableKeepAlive(raw)
        return context
    }

    deinit { redisFree(raw) }

    var descriptor: CInt { raw.pointee.fd }

    /// From here on neither ``send(_:)`` nor ``receive()`` waits.
    mutating func stopBlocking() throws(RedisError) {
        let flags = fcntl(descriptor, F_GETFL)
        try check(flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0)
        // hiredis keeps its own idea of it, and would wait for answers.
        raw.pointee.flags &= ~REDIS_BLOCK
    }

    /// How many of `bytes` the socket took; 0 when it takes none now.
    ///
    /// Not hiredis' own writer: that raises SIGPIPE when the server has gone.
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

    /// What hiredis reads at once; with less than that the socket is empty.
    static let pieceSize = 16 * 1_024
    /// Pieces to read before others have their turn.
    static let piecesPerTurn = 16

    /// Takes in what the socket has, up to ``pieceSize``; how much it was.
    ///
    /// To be followed by ``nextReply()`` until there is none: hiredis moves all that it has to the front for every KiB of answers taken.
    mutating func receive() throws(RedisError) -> Int {
        let before = raw.pointee.reader.pointee.len
        try check(redisBufferRead(raw) == REDIS_OK)
        return raw.pointee.reader.pointee.len - before
    }

    /// The next whole answer among what was received.
    mutating func nextReply() throws(RedisError) -> RedisReply? {
        var object: UnsafeMutableRawPointer?
        try check(redisGetReplyFromReader(raw, &object) == REDIS_OK)
        guard let object else { return nil }
        defer { freeReplyObject(object) }
        return RedisReply(object.assumingMemoryBound(to: redisReply.self).pointee)
    }

    /// Sends one command and waits for its answer; only before ``stopBlocking()``.
    mutating func ask(_ command: [RedisArgument]) throws(RedisError) -> RedisReply {
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

    /// - Throws: what hiredis says, when not `fine`. The context is of no use then.
    private func check(_ fine: Bool) throws(RedisError) {
        if fine { return }
        let message = withUnsafeBytes(of: raw.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        throw Self.failure(message.isEmpty ? String(cString: strerror(errno)) : message)
    }

    private static func failure(_ message: String) -> RedisError {
        RedisError(.connectionLost, message, mayHaveHappened: true)
    }
}

extension RedisReply {
    /// Copies what hiredis parsed.
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
