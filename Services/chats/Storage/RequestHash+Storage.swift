import Contracts
import Crypto
import Postgres

extension RequestHash {
    /// Hashes a send with SHA-256: the `seq` it replies to (eight bytes, big-endian; 0 for none), then its
    /// text.
    ///
    /// A field added to sends later is hashed only if present, after the text and U+0000, so that stored
    /// hashes stay valid.
    init(of request: SendMessage) {
        self.init(sha256: withUnsafeBytes(of: (request.replyTo ?? 0).bigEndian) { Array($0) } + Array(request.text.utf8))
    }

    /// Hashes a new chat with SHA-256: its title, U+0000, then the other members' ids.
    init(of newChat: NewChat) {
        self.init(sha256: Array("\(newChat.title ?? "")\0\(newChat.others.map(\.description).joined(separator: ","))".utf8))
    }

    private init(sha256 bytes: [UInt8]) { self.init(bytes: Array(SHA256.hash(data: bytes))) }
}

/// Stored as `bytea`.
extension RequestHash: PostgresValue {
    package static var postgresType: PostgresType { .bytea }
    package func encode(to writer: inout PostgresWriter) { writer.write(bytes: bytes) }
    package static func reads(_ type: UInt32) -> Bool { type == PostgresType.bytea.id }
    package static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> RequestHash {
        RequestHash(bytes: bytes.withUnsafeBytes { Array($0) })
    }
}
