import Foundation
import Postgres

/// The unique id of an event: a UUID of version 7 (RFC 9562), which sorts by the millisecond of its creation.
///
/// It is the primary key of the event's outbox row, and its order keeps insertions at one end of the index.
/// It is not an order of events.
package struct EventID: RawRepresentable, Hashable, Sendable, PostgresValue, CustomStringConvertible {
    package let rawValue: UUID
    package init(rawValue: UUID) { self.rawValue = rawValue }
    package init(_ uuid: UUID) { rawValue = uuid }
    package var uuid: UUID { rawValue }

    package init() {
        var random = SystemRandomNumberGenerator()
        self.init(milliseconds: UInt64(max(0, Deadline.now)), random: (random.next(), random.next()))
    }

    /// Parses a UUID of any version.
    package init?(_ text: String) {
        guard let uuid = UUID(uuidString: text) else { return nil }
        rawValue = uuid
    }

    /// - Parameter milliseconds: since the Unix epoch, of which 48 bits are used.
    init(milliseconds: UInt64, random: (UInt64, UInt64)) {
        var high = milliseconds << 16 | random.0 & 0x0FFF | 0x7000
        var low = random.1 & (.max >> 2) | 1 << 63
        (high, low) = (high.bigEndian, low.bigEndian)
        var uuid = UUID().uuid
        withUnsafeMutableBytes(of: &uuid) { bytes in
            bytes.storeBytes(of: high, as: UInt64.self)
            bytes.storeBytes(of: low, toByteOffset: 8, as: UInt64.self)
        }
        rawValue = UUID(uuid: uuid)
    }

    /// The UUID in lower case, with hyphens.
    package var description: String { rawValue.uuidString.lowercased() }
}
