import Foundation

/// Bytes on their way to the broker: frames are appended during a turn, and leave in one write at its end.
struct OutputBuffer {
    enum Flush: Equatable { case drained, pending, failed(errno: CInt) }

    private(set) var bytes: [UInt8] = []
    /// How much of `bytes` the socket has taken.
    private var sent = 0

    /// What has not been taken by the socket yet.
    var count: Int { bytes.count - sent }

    /// Writes what the socket takes now, without waiting.
    mutating func flush(to descriptor: CInt) -> Flush {
        while count > 0 {
            let taken = bytes.withUnsafeBytes { all in
                let rest = UnsafeRawBufferPointer(rebasing: all[sent...])
                return send(descriptor, rest.baseAddress, rest.count, CInt(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            if taken > 0 {
                sent += taken
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

    /// A buffer that once was large is given back.
    private mutating func empty() {
        bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
        sent = 0
    }

    /// Moves the rest to the front once that is cheap beside what was written.
    private mutating func discardSent() {
        guard sent > 1 << 16, sent >= bytes.count / 2 else { return }
        bytes.removeFirst(sent)
        sent = 0
    }

    // MARK: Numbers, big-endian, and texts

    mutating func put(_ value: UInt8) { bytes.append(value) }

    mutating func put<Number: FixedWidthInteger>(_ value: Number) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// At most 255 bytes: whoever takes texts from elsewhere has checked them.
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

    // MARK: Places that are filled in later

    var mark: Int { bytes.count }

    mutating func patch(_ value: UInt32, at mark: Int) {
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.bigEndian, toByteOffset: mark, as: UInt32.self) }
    }

    /// Forgets what was put in since `mark`.
    mutating func rollBack(to mark: Int) { bytes.removeLast(bytes.count - mark) }
}
