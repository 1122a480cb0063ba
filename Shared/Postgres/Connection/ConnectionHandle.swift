import CPostgres
import Foundation

/// Owns a `PGconn` and closes it. Not `Sendable`: it belongs to one connection actor.
final class ConnectionHandle {
    let raw: OpaquePointer

    init(adopting opened: OpenedConnection) { raw = opened.raw }
    deinit { PQfinish(raw) }

    var descriptor: CInt { PQsocket(raw) }
    var message: String { PQerrorMessage(raw).map { trimmed(String(cString: $0)) } ?? "" }
    var isBroken: Bool { PQstatus(raw) == CONNECTION_BAD }
    var processID: Int32 { PQbackendPID(raw) }

    /// Whether the TLS library holds decrypted bytes that libpq has not read: a record can exceed one libpq
    /// read.
    var hasDecryptedInput: Bool {
        guard PQsslInUse(raw) != 0, let tls = PQsslStruct(raw, "OpenSSL"), let pendingBytes else { return false }
        return pendingBytes(tls) > 0
    }
}

/// `SSL_pending` of the OpenSSL that libpq loaded. This package has no other dependency on OpenSSL.
///
/// The cast is safe: every version of OpenSSL declares `int SSL_pending(const SSL *)`, and a C function
/// captures nothing.
private let pendingBytes: (@convention(c) @Sendable (UnsafeMutableRawPointer) -> CInt)? = {
    guard let program = dlopen(nil, RTLD_LAZY), let symbol = dlsym(program, "SSL_pending") else { return nil }
    return unsafeBitCast(symbol, to: (@convention(c) @Sendable (UnsafeMutableRawPointer) -> CInt).self)
}()

/// A connection in transfer from the thread that opened it to the actor that will own it.
///
/// Sending it is safe: the opening thread keeps no reference, and libpq allows use from any thread, one at a
/// time.
struct OpenedConnection: @unchecked Sendable {
    fileprivate let raw: OpaquePointer

    /// Connects and logs in. Blocks: do not call it on Swift's thread pool or on the I/O thread.
    ///
    /// - Throws: ``PostgresError/Reason/unavailable`` with the message of the server or of libpq.
    static func open(_ configuration: PostgresConfiguration, direct: Bool = false) throws(PostgresError) -> OpenedConnection {
        let settings = configuration.settings(direct: direct)
        guard let raw = connect(settings) else { throw PostgresError(.unavailable, "out of memory while opening a connection") }
        guard PQstatus(raw) == CONNECTION_OK else {
            let message = PQerrorMessage(raw).map { trimmed(String(cString: $0)) } ?? ""
            PQfinish(raw)
            throw PostgresError(.unavailable, message)
        }
        martlet_pg_ignore_notices(raw)
        return OpenedConnection(raw: raw)
    }

    /// Opens a nonblocking connection in pipeline mode. Blocks until the login is complete.
    static func openPipelined(_ configuration: PostgresConfiguration) throws(PostgresError) -> OpenedConnection {
        let opened = try open(configuration)
        guard PQsetnonblocking(opened.raw, 1) == 0, PQenterPipelineMode(opened.raw) == 1 else {
            PQfinish(opened.raw)
            throw PostgresError(.unavailable, "the connection does not support pipeline mode")
        }
        return opened
    }

    /// Returns whether a server answers a new connection within 2 s, also by rejecting it. Blocks.
    static func isAnswered(_ configuration: PostgresConfiguration) -> Bool {
        var configuration = configuration
        configuration.connectTimeout = .seconds(2)
        // Behind a pooler there are two addresses.
        let routes = configuration.directAddress == nil ? [false] : [false, true]
        return routes.allSatisfy { direct in
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

    /// Calls `body` with the strings as an array of C strings that ends with NULL.
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

/// Cancels a connection's statement from another thread. Owns and frees the `PGcancel`.
///
/// Sharing it is safe: libpq makes the `PGcancel` as a separate copy for this purpose, and nothing changes it
/// later.
final class CancelRequest: @unchecked Sendable {
    private let raw: OpaquePointer
    init(_ raw: OpaquePointer) { self.raw = raw }
    deinit { PQfreeCancel(raw) }

    /// Sends the request and blocks until the server accepts it, which an unresponsive server never does.
    /// Ignores errors.
    func send() {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { _ = PQcancel(raw, $0.baseAddress, 256) }
    }
}
