/// Appends CBOR items (RFC 8949) to a buffer, with the shortest heads and definite lengths.
///
/// ``CBOREncoder`` checks that a map has as many items as its head says.
final class CBORWriter {
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int = 512) {
        self.capacity = max(capacity, 64)
        base = .allocate(byteCount: self.capacity, alignment: 8)
    }

    deinit { base.deallocate() }

    var bytes: [UInt8] { Array(UnsafeRawBufferPointer(start: base, count: count)) }

    func integer(_ value: Int64) {
        if value >= 0 { head(.unsigned, UInt64(value)) } else { head(.negative, UInt64(~value)) }
    }

    func unsigned(_ value: UInt64) { head(.unsigned, value) }

    func text(_ value: String) {
        var value = value
        value.withUTF8 { text(UnsafeRawBufferPointer($0)) }
    }

    /// - Parameter utf8: valid UTF-8.
    func text(_ utf8: UnsafeRawBufferPointer) {
        head(.text, UInt64(utf8.count))
        append(utf8)
    }

    func byteString(_ value: UnsafeRawBufferPointer) {
        head(.bytes, UInt64(value.count))
        append(value)
    }

    func double(_ value: Double) {
        reserve(9)
        base.storeBytes(of: CBORHead.double, toByteOffset: count, as: UInt8.self)
        base.storeBytes(of: value.bitPattern.bigEndian, toByteOffset: count + 1, as: UInt64.self)
        count += 9
    }

    func float(_ value: Float) {
        reserve(5)
        base.storeBytes(of: CBORHead.float, toByteOffset: count, as: UInt8.self)
        base.storeBytes(of: value.bitPattern.bigEndian, toByteOffset: count + 1, as: UInt32.self)
        count += 5
    }

    func bool(_ value: Bool) { byte(value ? CBORHead.true : CBORHead.false) }

    func null() { byte(CBORHead.null) }

    func head(_ major: CBORMajor, _ value: UInt64) {
        reserve(9)
        count += Self.store(major, value, at: base + count)
    }

    /// Reserves one byte for a head of unknown length; see ``close(head:major:length:)``.
    func openHead() -> Int {
        byte(0)
        return count - 1
    }

    /// Writes the head reserved at `position`. Moves the bytes after it when the head needs more than one
    /// byte.
    func close(head position: Int, major: CBORMajor, length: Int) {
        let size = Self.headSize(UInt64(length))
        if size > 1 {
            reserve(size - 1)
            (base + position + size).copyMemory(from: base + position + 1, byteCount: count - position - 1)
            count += size - 1
        }
        _ = Self.store(major, UInt64(length), at: base + position)
    }

    private func byte(_ value: UInt8) {
        reserve(1)
        base.storeBytes(of: value, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        reserve(bytes.count)
        (base + count).copyMemory(from: start, byteCount: bytes.count)
        count += bytes.count
    }

    private func reserve(_ more: Int) {
        if capacity - count < more { grow(more) }
    }

    @inline(never)
    private func grow(_ more: Int) {
        capacity = max(capacity * 2, count + more)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
        larger.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = larger
    }

    private static func headSize(_ value: UInt64) -> Int {
        switch value {
        case ..<24: 1
        case ...0xFF: 2
        case ...0xFFFF: 3
        case ...0xFFFF_FFFF: 5
        default: 9
        }
    }

    /// - Returns: the number of bytes written, 1…9.
    private static func store(_ major: CBORMajor, _ value: UInt64, at place: UnsafeMutableRawPointer) -> Int {
        let size = headSize(value)
        switch size {
        case 1: place.storeBytes(of: major.rawValue | UInt8(value), as: UInt8.self)
        case 2:
            place.storeBytes(of: major.rawValue | 24, as: UInt8.self)
            place.storeBytes(of: UInt8(value), toByteOffset: 1, as: UInt8.self)
        case 3:
            place.storeBytes(of: major.rawValue | 25, as: UInt8.self)
            place.storeBytes(of: UInt16(value).bigEndian, toByteOffset: 1, as: UInt16.self)
        case 5:
            place.storeBytes(of: major.rawValue | 26, as: UInt8.self)
            place.storeBytes(of: UInt32(value).bigEndian, toByteOffset: 1, as: UInt32.self)
        default:
            place.storeBytes(of: major.rawValue | 27, as: UInt8.self)
            place.storeBytes(of: value.bigEndian, toByteOffset: 1, as: UInt64.self)
        }
        return size
    }
}

/// The major type of an item: the upper three bits of its first byte.
struct CBORMajor: Equatable {
    let rawValue: UInt8

    static let unsigned = CBORMajor(rawValue: 0x00)
    static let negative = CBORMajor(rawValue: 0x20)
    static let bytes = CBORMajor(rawValue: 0x40)
    static let text = CBORMajor(rawValue: 0x60)
    static let array = CBORMajor(rawValue: 0x80)
    static let map = CBORMajor(rawValue: 0xA0)
    static let tag = CBORMajor(rawValue: 0xC0)
    static let simple = CBORMajor(rawValue: 0xE0)
}

/// First bytes that determine the kind of an item.
enum CBORHead {
    static let `false`: UInt8 = 0xF4
    static let `true`: UInt8 = 0xF5
    static let null: UInt8 = 0xF6
    static let float: UInt8 = 0xFA
    static let double: UInt8 = 0xFB
}
