import Contracts

/// What only its user knows. Not printed, not compared: it goes into the hash and nowhere else.
struct Password: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    let secret: String

    /// One that is to be set: 8–256 characters, without U+0000.
    init(new text: String) throws(ValidationError) { secret = try text.validated(length: 8...256) }

    /// One that is to be tried: any that the door lets through. A short one is only wrong, as every other that is not the right one.
    init(attempt text: String) throws(ValidationError) { secret = try text.validated(length: 1...256) }

    var description: String { "Password" }
    var debugDescription: String { "Password" }
}
