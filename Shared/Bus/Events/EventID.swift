import Foundation

/// Names an event for ever; consumers dedupe by it. A UUID of version 7 (RFC 9562, 5.7): it begins with the time, so that rows written together lie together.
package struct EventID: Hashable, Sendable, CustomStringConvertible {
    package let uuid: UUID

    package init(_ uuid: UUID) { self.uuid = uuid }

    package init?(_ text: String) {
        guard let uuid = UUID(uuidString: text) else { return nil }
        self.uuid = uuid
    }

    /// A new one.
    /// - Parameter time: milliseconds since the Unix epoch.
    package init(at time: Int64 = Deadline.now) {
        var random = SystemRandomNumberGenerator()
        let (high, low) = (
            UInt64(truncatingIfNeeded: time) << 16 | random.next() & 0x0FFF | 0x7000, random.next() & (~0 >> 2) | 1 << 63
        )
        var bytes: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        withUnsafeMutableBytes(of: &bytes) { buffer in
            buffer.storeBytes(of: high.bigEndian, as: UInt64.self)
            buffer.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        uuid = UUID(uuid: bytes)
    }

    package var description: String { uuid.uuidString.lowercased() }
}
