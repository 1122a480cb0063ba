import Contracts

/// The https URL of a picture, at most 512 characters; or no picture.
struct AvatarURL: Hashable {
    let text: String?

    /// - Parameter text: empty for no picture.
    init(_ text: String) throws(ValidationError) {
        guard !text.isEmpty else {
            self.text = nil
            return
        }
        let prefix = "https://"
        guard text.utf8.count <= 512, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !Self.unsafe.contains($0) }),
            text.hasPrefix(prefix), let first = text.utf8.dropFirst(prefix.utf8.count).first, !Self.noHost.contains(first)
        else { throw ValidationError("must be an https URL of at most 512 characters") }
        self.text = text
    }

    /// Characters that RFC 3986 forbids, and that can break out of an HTML attribute.
    private static let unsafe = Set("\"<>\\^`{|}".utf8)
    /// Characters that no host begins with.
    private static let noHost = Set("/?#:@.".utf8)
}
