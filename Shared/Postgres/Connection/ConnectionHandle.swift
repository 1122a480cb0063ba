import CPostgres
import Foundation

/// A `PGconn`, finished with this object. Not `Sendable`: it belongs to one connection actor.
final class ConnectionHandle {
    let raw: OpaquePointer

    init(adopting opened: OpenedConnection) { raw = opened.raw }
    deinit { PQfinish(raw) }

    var descriptor: CInt { PQsocket(raw) }
    var message: String { PQerrorMessage(raw).map { trimmed(String(cString: $0)) } ?? "" }
    var isBroken: Bool { PQstatus(raw) == CONNECTION_BAD }
    var processID: Int32 { PQbackendPID(raw) }

    /// The TLS library holds bytes that libpq has not taken: a record may be larger than what libpq reads at once.
    var hasDecryptedInput: Bool {
        guard PQsslInUse(raw) != 0, let tls = PQsslStruct(raw, "OpenSSL"), let pendingBytes else { return false }
        return pendingBytes(tls) > 0
    }
}

/// `SSL_pending` of the OpenSSL that libpq has brought with it, which is no dependency of ours otherwise.
///
/// The cast is safe: OpenSSL declares that name as `int SSL_pending(const SSL *)` in every version, and a C function captures nothing.
private let pendingBytes: (@convention(c) @Sendable (UnsafeMutableRawPointer) -> CInt)? = {
    guard let program = dlopen(nil, RTLD_LAZY), let symbol = dlsym(program, "SSL_pending") else { return nil }
    return unsafeBitCast(symbol, to: (@convention(c) @Sendable (UnsafeMutableRawPointer) -> CInt).self)
}()

/// A connection on its way from the thread that opened it to the actor that will have it.
///
/// Sending it is safe: the opening thread lets go of it, and libpq allows any thread to use a connection as long as it is one at a time.
struct OpenedConnection: @unchecked Sendable {
    fileprivate let raw: OpaquePointer

    /// Connects and logs in. Blocks: not for the pool of Swift, and not for the loop.
    ///
    /// - Throws: ``PostgresError/Reason/unavailable`` with the server's or libpq's words.
    static func open(_ configuration: PostgresConfiguration, direct: Bool = false) throws(PostgresError) -> OpenedConnection {
        let settings = configuration.settings(direct: direct)
        guard let raw = connect(settings) else { throw PostgresError(.unavailable, "no memory for a connection") }
        guard PQstatus(raw) == CONNECTION_OK else {
            let message = PQerrorMessage(raw).map { trimmed(String(cString: $0)) } ?? ""
            PQfinish(raw)
            throw PostgresError(.unavailable, message)
        }
        martlet_pg_ignore_notices(raw)
        return OpenedConnection(raw: raw)
    }

    /// Nonblocking, in pipeline mode.
    static func openPipelined(_ configuration: PostgresConfiguration) throws(PostgresError) -> OpenedConnection {
        let opened = try open(configuration)
        guard PQsetnonblocking(opened.raw, 1) == 0, PQenterPipelineMode(opened.raw) == 1 else {
            PQfinish(opened.raw)
            throw PostgresError(.unavailable, "the connection does not pipeline")
        }
        return opened
    }

    /// Whether a server says anything at all to somebody new, within 2 s: also one that lets nobody in. Blocks.
    static func isAnswered(_ configuration: PostgresConfiguration) -> Bool {
        var configuration = configuration
        configuration.connectTimeout = .seconds(2)
        // Behind a pooler there are two.
        let ways = configuration.directAddress == nil ? [false] : [false, true]
        return ways.allSatisfy { direct in
            let settings = configuration.settings(direct: direct)
            let answer = withCStrings(settings.map(\.0)) { keywords in
                withCStrings(settings.map(\.1)) { values in PQpingParams(keywords, values, 0) }
            }
            return answer == PQPING_OK || answer == PQPING_REJECT
        }
    }

    private static func connect(_ settings: [(String, String)]) -> OpaquePointer? {
        withCStrings(settings.map(\.0)) { keywords in
            withCStrings(settings.map(\.1)) { values in PQconnectdbParams(keywords, values, 0) }
        }
    }

    /// Lends the strings as an array that ends with NULL.
    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result
    ) -> Result {
        var characters: [CChar] = []
        var offsets: [Int] = []
        for string in strings {
            offsets.append(characters.count)
            characters += string.utf8CString
        }
        return characters.withUnsafeBufferPointer { buffer in
            let pointers = offsets.map { offset in buffer.baseAddress.map { $0 + offset } } + [nil]
            return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
        }
    }
}

/// What it takes to cancel a connection's statement from another thread. Freed with this object.
///
/// Sharing it is safe: libpq made the `PGcancel` a copy of its own for this very purpose, and says so; it is never changed.
final class CancelRequest: @unchecked Sendable {
    private let raw: OpaquePointer
    init(_ raw: OpaquePointer) { self.raw = raw }
    deinit { PQfreeCancel(raw) }

    /// Blocks until the server has taken the request, which a server that hangs never does. May fail; nobody is told.
    func send() {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { _ = PQcancel(raw, $0.baseAddress, 256) }
    }
}
