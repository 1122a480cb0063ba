/// What Redis keeps under a key.
///
/// 18 bytes, then the coded value: format, state, version (8 bytes that sort as the numbers do), stamp (8 bytes). The scripts in `Scripts.swift` read it too.
struct Entry: Equatable, Sendable {
    /// The state's byte in Redis.
    enum State: UInt8, Sendable {
        case value = 0x56  // V
        case absent = 0x41  // A
        /// Somebody loads: whoever knows the stamp may fill it. Nothing below the version may.
        case lease = 0x4C  // L
        /// As ``lease``, with what was written meanwhile; it is not shown before a load has proved that nothing newer was forgotten.
        case leaseWithValue = 0x57  // W
        case leaseWithAbsent = 0x42  // B
    }

    static let format: UInt8 = 1
    static let headerCount = 18

    var state: State
    var version: Int64
    /// Chance, new for every write: tells what was read apart from what replaced it, also where versions are equal.
    var stamp: UInt64
    var payload: [UInt8] = []

    /// Whether it answers a reader.
    var isAnswer: Bool { state == .value || state == .absent }

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

    /// `nil` for anything that this build did not write. A header alone is fine.
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
