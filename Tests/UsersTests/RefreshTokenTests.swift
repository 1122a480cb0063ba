import Contracts
import Testing

@testable import Users

@Suite("Refresh token") struct RefreshTokenTests {
    let session = SessionID(rawValue: 0x0102_0304_0506_0708)
    let key = Sodium.random(32)

    @Test("reads back as it was written, and is the current token")
    func current() throws {
        let token = RefreshToken(for: session, stampKey: key)
        let read = try #require(RefreshToken(token.text))
        #expect(read == token)
        #expect(read.sessionID == session)
        #expect(read.kind(currentHash: token.hash, stampKey: key) == .current)
    }

    @Test("recognises the previous token")
    func earlier() {
        let (first, second) = (RefreshToken(for: session, stampKey: key), RefreshToken(for: session, stampKey: key))
        #expect(first.text != second.text)
        #expect(first.kind(currentHash: second.hash, stampKey: key) == .earlier)
    }

    @Test("with any character changed it is forged, so that a guess cannot revoke a session")
    func tampered() {
        let token = RefreshToken(for: session, stampKey: key)
        let characters = Array(token.text)
        #expect(characters.count == 75)
        for index in characters.indices {
            var changed = characters
            changed[index] = changed[index] == "A" ? "B" : "A"
            guard let read = RefreshToken(String(changed)) else { continue }
            #expect(read.kind(currentHash: token.hash, stampKey: key) == .forged)
        }
        #expect(
            RefreshToken(for: session, stampKey: Sodium.random(32)).kind(currentHash: token.hash, stampKey: key) == .forged)
    }

    @Test("refuses other texts")
    func noTokens() {
        let text = RefreshToken(for: session, stampKey: key).text
        for other in [
            "", "x", String(text.dropLast()), text + "A", text + "=", " " + text.dropFirst(), String(repeating: "A", count: 75),
            String(repeating: "_", count: 75), String(repeating: "é", count: 75), text.replacing("A", with: "\u{0}") + "\u{0}",
        ]
        where other != text {
            #expect(RefreshToken(other) == nil)
        }
    }
}

@Suite("Base64url") struct Base64URLTests {
    @Test("encodes as in RFC 4648, without padding")
    func vectors() {
        for (bytes, text) in [([UInt8](), ""), ([0xFB], "-w"), ([0xFF, 0xFF], "__8"), (Array("foobar".utf8), "Zm9vYmFy")] {
            #expect(Base64URL.encode(bytes) == text)
            #expect(Base64URL.decode(text, count: bytes.count) == bytes)
        }
    }

    @Test("reads only the canonical text of a value", arguments: ["-x", "+w", "-w==", "-", "-w\n"])
    func canonical(text: String) { #expect(Base64URL.decode(text, count: 1) == nil) }
}
