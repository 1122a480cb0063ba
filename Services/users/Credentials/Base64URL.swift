import CSodium

/// RFC 4648 section 5, without padding.
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
        // Without a place for the end, it is an error when something is left over.
        let status = sodium_base642bin(
            &bytes, count, characters, characters.count, nil, &decoded, nil, sodium_base64_VARIANT_URLSAFE_NO_PADDING)
        return status == 0 && decoded == count ? bytes : nil
    }
}
