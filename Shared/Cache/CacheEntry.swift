/// A value as Redis stores it.
///
/// An 18-byte header, then the encoded value. The header: format, state, version (8 bytes that sort as the
/// numbers do), stamp (8 bytes). The Lua scripts in `Scripts.swift` read the header too.
struct CacheEntry: Equatable, Sendable {
    /// The raw value is the byte in Redis.
    enum State: UInt8, Sendable {
        case value = 0x56  // V
        case absent = 0x41  // A
        /// A load is running. A load that knows the stamp may fill the entry with the lease's version or a
        /// newer one.
        case lease = 0x4C  // L
        /// A lease with a value that was written during the load. Readers get the value once a load has shown
        /// that no newer one was evicted.
        case leaseWithValue = 0x57  // W
        case leaseWithAbsent = 0x42  // B
    }

    static let format: UInt8 = 1
    static let headerCount = 18

    var state: State
    var version: Int64
    /// A random number, new for every write: distinguishes two entries of equal version.
    var stamp: UInt64
    var payload: [UInt8] = []

    /// Whether readers may get this entry.
    var isReadable: Bool { state == .value || state == .absent }

    init(state: State, version: Int64, stamp: UInt64 = .random(in: .min ... .max), payload: [UInt8] = []) {
        self.state = state
        self.version = version
        self.stamp = stamp
        self.payload = payload
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerCount + payload.count)
        bytes.append(Self.format)
        bytes.append(state.rawValue)
        Self.append(UInt64(bitPattern: version) ^ 1 << 63, to: &bytes)
        Self.append(stamp, to: &bytes)
        bytes += payload
        return bytes
    }

    var stampBytes: [UInt8] {
        var bytes: [UInt8] = []
        Self.append(stamp, to: &bytes)
        return bytes
    }

    /// Parses an entry, or a header alone; `nil` for another format.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.headerCount, bytes[0] == Self.format, let state = State(rawValue: bytes[1]) else { return nil }
        let version = Int64(bitPattern: Self.number(bytes[2..<10]) ^ 1 << 63)
        self.init(state: state, version: version, stamp: Self.number(bytes[10..<18]), payload: Array(bytes[Self.headerCount...]))
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift))) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}
