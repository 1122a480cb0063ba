import Foundation

/// The output to the broker: frames are appended during a turn and leave in one write at its end.
struct OutputBuffer {
    enum Flush: Equatable { case drained, pending, failed(errno: CInt) }

    private(set) var bytes: [UInt8] = []
    /// The number of bytes that the socket has accepted.
    private var sent = 0

    /// The number of bytes that the socket has not accepted yet.
    var count: Int { bytes.count - sent }

    /// Writes to the socket without waiting.
    mutating func flush(to descriptor: CInt) -> Flush {
        while count > 0 {
            let written = bytes.withUnsafeBytes { all in
                let rest = UnsafeRawBufferPointer(rebasing: all[sent...])
                return send(descriptor, rest.baseAddress, rest.count, CInt(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            if written > 0 {
                sent += written
            } else if errno == EAGAIN || errno == EWOULDBLOCK {
                discardSent()
                return .pending
            } else if errno != EINTR {
                return .failed(errno: errno)
            }
        }
        empty()
        return .drained
    }

    /// Removes all bytes, and frees a buffer of more than 1 MiB.
    private mutating func empty() {
        bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
        sent = 0
    }

    /// Moves the unsent bytes to the front, once that costs less than the writes before.
    private mutating func discardSent() {
        guard sent > 1 << 16, sent >= bytes.count / 2 else { return }
        bytes.removeFirst(sent)
        sent = 0
    }

    // MARK: Numbers (big-endian) and texts

    mutating func put(_ value: UInt8) { bytes.append(value) }

    mutating func put<Number: FixedWidthInteger>(_ value: Number) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// Appends a text of at most 255 bytes; external texts are validated before.
    mutating func putShort(_ text: String) {
        let utf8 = text.utf8
        precondition(utf8.count <= 255, "a short text has at most 255 bytes")
        bytes.append(UInt8(utf8.count))
        bytes.append(contentsOf: utf8)
    }

    mutating func putLong(_ text: String) {
        put(UInt32(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func put(contentsOf other: some Collection<UInt8>) { bytes.append(contentsOf: other) }

    // MARK: Patching

    var position: Int { bytes.count }

    mutating func patch(_ value: UInt32, at offset: Int) {
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self) }
    }

    /// Removes all bytes from `offset` on.
    mutating func rollBack(to offset: Int) { bytes.removeLast(bytes.count - offset) }
}
