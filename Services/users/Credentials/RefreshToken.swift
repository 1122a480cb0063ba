import Contracts

/// An opaque token of 75 characters that is exchanged for new tokens.
///
/// It holds the session's id (8 bytes), a secret (32 random bytes), and a stamp (16 bytes) that only the
/// service can make. The store keeps the SHA-256 of the last token's secret and the key of the stamps. This
/// distinguishes a used token from a forged one: a used token revokes its session, and a guessed session id
/// cannot. A reader of the store cannot forge either.
struct RefreshToken: Equatable {
    private static let secretLength = 32
    private static let stampLength = 16
    private static let length = 8 + secretLength + stampLength

    let sessionID: SessionID
    private let secret: [UInt8]
    private let stamp: [UInt8]

    /// Creates a token with a new secret.
    ///
    /// - Parameter stampKey: the session's key, 32 bytes.
    init(for sessionID: SessionID, stampKey: [UInt8]) {
        self.sessionID = sessionID
        secret = Sodium.random(Self.secretLength)
        stamp = Self.stamp(sessionID, secret, key: stampKey)
    }

    /// - Returns: `nil` for a text that does not have the form of a token.
    init?(_ text: String) {
        guard let bytes = Base64URL.decode(text, count: Self.length) else { return nil }
        let id = bytes.prefix(8).reduce(Int64(0)) { $0 << 8 | Int64($1) }
        guard id > 0 else { return nil }
        sessionID = SessionID(rawValue: id)
        secret = Array(bytes[8..<8 + Self.secretLength])
        stamp = Array(bytes[(8 + Self.secretLength)...])
    }

    var text: String { Base64URL.encode(Self.bytes(of: sessionID) + secret + stamp) }

    /// The SHA-256 of the secret, which the store keeps.
    var hash: [UInt8] { Sodium.sha256(secret) }

    func kind(currentHash: [UInt8], stampKey: [UInt8]) -> SessionState.PresentedToken {
        guard Sodium.areEqual(stamp, Self.stamp(sessionID, secret, key: stampKey)) else { return .forged }
        return Sodium.areEqual(hash, currentHash) ? .current : .earlier
    }

    private static func stamp(_ sessionID: SessionID, _ secret: [UInt8], key: [UInt8]) -> [UInt8] {
        Array(Sodium.authenticator(of: bytes(of: sessionID) + secret, key: key).prefix(stampLength))
    }

    private static func bytes(of id: SessionID) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: id.rawValue >> $0) }
    }
}
