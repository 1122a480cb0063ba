import Contracts
import Crypto

extension RequestHash {
    /// SHA-256 of what a send asks for: the `seq` it replies to (eight bytes, big-endian; 0 for none) and its text.
    ///
    /// What is added to a send later is hashed only when it is there, after the text and U+0000, so that what is stored today stays right.
    init(of request: SendMessage) {
        self.init(sha256: withUnsafeBytes(of: (request.replyTo ?? 0).bigEndian) { Array($0) } + Array(request.text.utf8))
    }

    /// SHA-256 of what an newChat asks for: its title, U+0000, and the other people's ids.
    init(of newChat: NewChat) {
        self.init(sha256: Array("\(newChat.title ?? "")\0\(newChat.others.map(\.description).joined(separator: ","))".utf8))
    }

    private init(sha256 bytes: [UInt8]) { self.init(bytes: Array(SHA256.hash(data: bytes))) }
}
