import Foundation

/// Reads CBOR items at given positions and checks every length against the available bytes.
///
/// It borrows its bytes. After ``close()`` it has none, so a container that outlives the decoding reads an
/// end, not freed memory.
final class CBORReader {
    private var base: UnsafeRawPointer
    private(set) var end: Int
    /// The position after the last item read.
    var next = 0
    /// One decoder per depth, created on first use and reused for all values at that depth.
    private var decoders: [CBORValueDecoder] = []
    let decimals: CBORDecimalTypes
    let byteTypes = (ObjectIdentifier([UInt8].self), ObjectIdentifier(Data.self))
    let elements = ObjectIdentifier(CBORElements.self)

    init(_ bytes: UnsafeRawBufferPointer, _ decimals: CBORDecimalTypes = .none) {
        self.decimals = decimals
        base = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
        end = bytes.baseAddress == nil ? 0 : bytes.count
    }

    func close() {
        end = 0
        decoders = []
    }

    /// The head of an item.
    struct Head {
        let major: CBORMajor
        /// The lower five bits of the first byte.
        let info: UInt8
        /// The number, length, or bits of a floating-point number.
        let value: UInt64
        /// The position of the content, or of the next item when there is no content.
        let next: Int
    }

    func decoder(at depth: Int) throws -> CBORValueDecoder {
        guard depth < CBORDecoder.maximumDepth else {
            throw DecodingError.refused("nested more than \(CBORDecoder.maximumDepth) deep")
        }
        while decoders.count <= depth { decoders.append(CBORValueDecoder(reader: self, depth: decoders.count)) }
        return decoders[depth]
    }

    func head(at position: Int) throws -> Head {
        guard position < end else { throw DecodingError.truncated }
        let first = base.load(fromByteOffset: position, as: UInt8.self)
        let info = first & 0x1F
        let major = CBORMajor(rawValue: first & 0xE0)
        if info < 24 { return Head(major: major, info: info, value: UInt64(info), next: position + 1) }
        guard info <= 27 else {
            throw DecodingError.refused(info == 31 ? "indefinite lengths are not accepted" : "a reserved first byte, \(first)")
        }
        let size = 1 << Int(info - 24)
        guard end - position > size else { throw DecodingError.truncated }
        let place = base + position + 1
        let value: UInt64 =
            switch size {
            case 1: UInt64(place.load(as: UInt8.self))
            case 2: UInt64(UInt16(bigEndian: place.loadUnaligned(as: UInt16.self)))
            case 4: UInt64(UInt32(bigEndian: place.loadUnaligned(as: UInt32.self)))
            default: UInt64(bigEndian: place.loadUnaligned(as: UInt64.self))
            }
        return Head(major: major, info: info, value: value, next: position + 1 + size)
    }

    /// Returns the number of bytes, elements or pairs of an item, checked against the bytes that are left.
    func length(_ head: Head, bytesEach: Int) throws -> Int {
        guard let length = Int(exactly: head.value), length <= (end - head.next) / bytesEach else {
            throw DecodingError.truncated
        }
        return length
    }

    /// Returns the position of the next item. Uses neither recursion nor memory, at any depth.
    func skip(_ position: Int) throws -> Int {
        var (position, pending) = (position, 1)
        while pending > 0 {
            let head = try head(at: position)
            position = head.next
            pending -= 1
            switch head.major {
            case .unsigned, .negative: break
            case .bytes, .text: position += try length(head, bytesEach: 1)
            case .array: pending += try length(head, bytesEach: 1)
            case .map: pending += 2 * (try length(head, bytesEach: 2))
            case .tag: throw DecodingError.refused("tags are not accepted")
            default: try checkSimple(head)
            }
        }
        return position
    }

    /// Returns the position after the item if it is the text `name`, else `nil`.
    func match(_ name: UnsafeBufferPointer<UInt8>, at position: Int) throws -> Int? {
        let short = name.count < 24 && end - position > name.count
        if short, base.load(fromByteOffset: position, as: UInt8.self) == CBORMajor.text.rawValue | UInt8(name.count) {
            return isEqual(name, at: position + 1) ? position + 1 + name.count : nil
        }
        let head = try head(at: position)
        guard head.major == .text else { throw DecodingError.keyIsNotText }
        let length = try length(head, bytesEach: 1)
        return length == name.count && isEqual(name, at: head.next) ? head.next + length : nil
    }

    func isNull(at position: Int) throws -> Bool {
        guard position < end else { throw DecodingError.truncated }
        return base.load(fromByteOffset: position, as: UInt8.self) == CBORHead.null
    }

    func content(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(start: base, count: end)[range])
    }

    private func isEqual(_ name: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
        guard let start = name.baseAddress else { return true }
        return memcmp(base + position, start, name.count) == 0
    }

    private func checkSimple(_ head: Head) throws {
        let first = CBORMajor.simple.rawValue | head.info
        let known = [CBORHead.false, CBORHead.true, CBORHead.null, CBORHead.float, CBORHead.double]
        if !known.contains(first) { throw DecodingError.refused("a simple value that is not accepted, first byte \(first)") }
    }
}

extension DecodingError {
    static func refused(_ reason: String) -> DecodingError { .dataCorrupted(Context(codingPath: [], debugDescription: reason)) }
    static var truncated: DecodingError { refused("the bytes end within an item, or a length exceeds them") }

    static var keyIsNotText: DecodingError { refused("a map's key is not text") }

    static func mismatch(_ type: Any.Type, _ head: CBORReader.Head) -> DecodingError {
        .typeMismatch(type, Context(codingPath: [], debugDescription: "expected \(type), found \(head.found)"))
    }

    /// The error with `key` in front of its coding path.
    func under(_ key: any CodingKey) -> DecodingError {
        func longer(_ context: Context) -> Context {
            Context(
                codingPath: [key] + context.codingPath, debugDescription: context.debugDescription,
                underlyingError: context.underlyingError)
        }
        switch self {
        case .typeMismatch(let type, let context): return .typeMismatch(type, longer(context))
        case .valueNotFound(let type, let context): return .valueNotFound(type, longer(context))
        case .keyNotFound(let missing, let context): return .keyNotFound(missing, longer(context))
        case .dataCorrupted(let context): return .dataCorrupted(longer(context))
        @unknown default: return self
        }
    }
}

extension CBORReader.Head {
    /// The kind of the item, for error texts.
    fileprivate var found: String {
        switch major {
        case .unsigned, .negative: "an integer"
        case .bytes: "bytes"
        case .text: "text"
        case .array: "an array"
        case .map: "a map"
        case .tag: "a tag"
        default: info == CBORHead.null & 0x1F ? "null" : "a boolean or floating-point number"
        }
    }
}
