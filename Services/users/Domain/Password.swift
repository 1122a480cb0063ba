import Contracts

/// A password in clear text. It is hashed or verified, and never printed or compared.
struct Password: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    let secret: String

    /// Creates a password to set: 8–256 characters, without U+0000.
    init(new text: String) throws(ValidationError) { secret = try text.validated(length: 8...256) }

    /// Creates a password to verify: 1–256 characters. One that is too short to be set is verified, and wrong
    /// like any other.
    init(attempt text: String) throws(ValidationError) { secret = try text.validated(length: 1...256) }

    var description: String { "Password" }
    var debugDescription: String { "Password" }
}
