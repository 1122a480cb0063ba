import CSodium

/// The primitives of libsodium that the service uses, over arrays of bytes.
enum Sodium {
    /// The library could not be initialised, or had no memory for the hash of a password.
    struct Failure: Error {}

    private static let isReady = sodium_init() >= 0

    /// Selects the fastest implementations for this processor and opens the random generator. Cheap after the
    /// first call; from any thread.
    static func prepare() throws(Failure) {
        guard isReady else { throw Failure() }
    }

    /// Returns bytes of the system's generator.
    static func random(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        randombytes_buf(&bytes, count)
        return bytes
    }

    /// Returns 32 bytes.
    static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: Int(crypto_hash_sha256_BYTES))
        crypto_hash_sha256(&hash, bytes, UInt64(bytes.count))
        return hash
    }

    /// Returns the HMAC-SHA-256, 32 bytes, under a key of 32 bytes.
    static func authenticator(of bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        precondition(key.count == Int(crypto_auth_hmacsha256_KEYBYTES))
        var authenticator = [UInt8](repeating: 0, count: Int(crypto_auth_hmacsha256_BYTES))
        crypto_auth_hmacsha256(&authenticator, bytes, UInt64(bytes.count), key)
        return authenticator
    }

    /// Compares in constant time: the duration does not reveal where two values of one length differ.
    static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == other.count && sodium_memcmp(one, other, one.count) == 0
    }
}

extension Sodium {
    /// Encrypts with XChaCha20-Poly1305; the random nonce comes first.
    ///
    /// - Parameter context: not secret; ``open(_:context:key:)`` needs the same.
    static func seal(_ bytes: [UInt8], context: [UInt8], key: [UInt8]) -> [UInt8] {
        precondition(key.count == Int(crypto_aead_xchacha20poly1305_ietf_KEYBYTES))
        let nonce = random(Int(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES))
        var box = [UInt8](repeating: 0, count: bytes.count + Int(crypto_aead_xchacha20poly1305_ietf_ABYTES))
        crypto_aead_xchacha20poly1305_ietf_encrypt(
            &box, nil, bytes, UInt64(bytes.count), context, UInt64(context.count), nil, nonce, key)
        return nonce + box
    }

    /// - Returns: `nil` when `sealed` was not made with this key and context.
    static func open(_ sealed: [UInt8], context: [UInt8], key: [UInt8]) -> [UInt8]? {
        let nonceLength = Int(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
        let room = sealed.count - nonceLength - Int(crypto_aead_xchacha20poly1305_ietf_ABYTES)
        guard room >= 0, key.count == Int(crypto_aead_xchacha20poly1305_ietf_KEYBYTES) else { return nil }
        let (nonce, box) = (Array(sealed.prefix(nonceLength)), Array(sealed.dropFirst(nonceLength)))
        var bytes = [UInt8](repeating: 0, count: room)
        let status = crypto_aead_xchacha20poly1305_ietf_decrypt(
            &bytes, nil, nil, box, UInt64(box.count), context, UInt64(context.count), nonce, key)
        return status == 0 ? bytes : nil
    }
}

/// Base64url without padding, RFC 4648 section 5.
enum Base64URL {
    static func encode(_ bytes: [UInt8]) -> String {
        let room = sodium_base64_encoded_len(bytes.count, sodium_base64_VARIANT_URLSAFE_NO_PADDING)  // with the final NUL
        var text = [CChar](repeating: 0, count: room)
        sodium_bin2base64(&text, room, bytes, bytes.count, sodium_base64_VARIANT_URLSAFE_NO_PADDING)
        return String(decoding: text.dropLast().lazy.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// - Returns: `nil` unless `text` is the one encoding of exactly `count` bytes.
    static func decode(_ text: String, count: Int) -> [UInt8]? {
        let characters = text.utf8.map(CChar.init(truncatingIfNeeded:))
        guard characters.count == (count * 4 + 2) / 3 else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        var decoded = 0
        // Without an end pointer, characters left over are an error.
        let status = sodium_base642bin(
            &bytes, count, characters, characters.count, nil, &decoded, nil, sodium_base64_VARIANT_URLSAFE_NO_PADDING)
        return status == 0 && decoded == count ? bytes : nil
    }
}
