import CSodium

/// The primitives of libsodium that we use, over arrays of bytes.
enum Sodium {
    /// The library could not be made ready, or had no memory for a password's hash.
    struct Failure: Error {}

    private static let isReady = sodium_init() >= 0

    /// Chooses the fastest implementations for this processor and opens the source of randomness. Cheap after the first time; from any thread.
    static func prepare() throws(Failure) {
        guard isReady else { throw Failure() }
    }

    /// From the system's generator.
    static func random(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        randombytes_buf(&bytes, count)
        return bytes
    }

    /// 32 bytes.
    static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: Int(crypto_hash_sha256_BYTES))
        crypto_hash_sha256(&hash, bytes, UInt64(bytes.count))
        return hash
    }

    /// HMAC-SHA-256 under a key of 32 bytes; 32 bytes.
    static func authenticator(of bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        precondition(key.count == Int(crypto_auth_hmacsha256_KEYBYTES))
        var authenticator = [UInt8](repeating: 0, count: Int(crypto_auth_hmacsha256_BYTES))
        crypto_auth_hmacsha256(&authenticator, bytes, UInt64(bytes.count), key)
        return authenticator
    }

    /// In a time that tells nothing of where two equally long values differ.
    static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == other.count && sodium_memcmp(one, other, one.count) == 0
    }
}

extension Sodium {
    /// XChaCha20-Poly1305 with a random nonce in front.
    ///
    /// - Parameter context: not secret; opening needs the same.
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
