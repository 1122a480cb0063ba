import Contracts

/// What a person logs in with and is found by; never changes. 3–32 of a–z 0–9 . _ -
struct Username: Hashable {
    let text: String

    /// Takes capital letters of ASCII for small ones, and nothing else: U+212A KELVIN SIGN is no k.
    init(_ text: String) throws(ValidationError) {
        guard (3...32).contains(text.utf8.count), text.utf8.allSatisfy(Self.allows) else {
            throw ValidationError("must have 3 to 32 characters of a–z 0–9 . _ -")
        }
        self.text = String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    private static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// What others see. 1–64 characters, of which one can be seen.
struct DisplayName: Hashable {
    let text: String

    init(_ text: String) throws(ValidationError) {
        self.text = try text.validated(length: 1...64)
        guard !text.unicodeScalars.contains(where: \.breaksLines) else {
            throw ValidationError("must not have control characters")
        }
        guard text.unicodeScalars.contains(where: \.isVisible) else { throw ValidationError("must not be blank") }
    }
}

extension Unicode.Scalar {
    /// A control character, or one that begins another line.
    fileprivate var breaksLines: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    /// Leaves a mark by itself: neither space nor format, nor a letter that is made of nothing, as the fillers of Hangul are.
    fileprivate var isVisible: Bool {
        switch properties.generalCategory {
        case .control, .format, .unassigned, .surrogate, .spaceSeparator, .lineSeparator, .paragraphSeparator: false
        default: !properties.isDefaultIgnorableCodePoint && self != "\u{2800}"  // BRAILLE PATTERN BLANK
        }
    }
}

/// What a user calls the device of a session. 1–64 characters.
struct DeviceName: Hashable {
    let text: String
    static let unknown = DeviceName()

    private init() { text = "unknown" }

    /// - Parameter text: absent for ``unknown``.
    init(_ text: String?) throws(ValidationError) {
        guard let text else {
            self = .unknown
            return
        }
        self.text = try text.validated(length: 1...64)
    }
}

/// Where a picture is: an https URL of at most 512 characters, or no picture at all.
struct AvatarURL: Hashable {
    let text: String?

    /// - Parameter text: empty to have none.
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

    /// Never in a URL as such; harmful where somebody puts one into a page.
    private static let unsafe = Set("\"<>\\^`{|}".utf8)
    private static let noHost = Set("/?#:@.".utf8)
}

/// Chosen by a client for one registration. 1–128 characters.
struct IdempotencyKey: Hashable {
    let text: String
    init(_ text: String) throws(ValidationError) { self.text = try text.validated(length: 1...128) }
}
