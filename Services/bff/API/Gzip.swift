import CZlib
import NIOCore

/// Compression by RFC 1952.
enum Gzip {
    /// Fast rather than small: compression delays the other requests of the event loop.
    private static let level: Int32 = 3

    /// Returns the compressed bytes; `nil` if the library is out of memory.
    static func compressed(_ bytes: ByteBuffer) -> ByteBuffer? {
        var stream = z_stream()
        guard martlet_gzip_init(&stream, level) == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        var output = ByteBuffer()
        let bound = Int(deflateBound(&stream, UInt(bytes.readableBytes)))
        let isComplete = bytes.withUnsafeReadableBytes { input in
            var isComplete = false
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { space in
                // zlib only reads through this pointer, although its type permits writes.
                stream.next_in = UnsafeMutablePointer(mutating: input.assumingMemoryBound(to: UInt8.self).baseAddress)
                stream.avail_in = UInt32(input.count)
                stream.next_out = space.assumingMemoryBound(to: UInt8.self).baseAddress
                stream.avail_out = UInt32(space.count)
                isComplete = deflate(&stream, Z_FINISH) == Z_STREAM_END
                return space.count - Int(stream.avail_out)
            }
            return isComplete
        }
        return isComplete ? output : nil
    }
}
