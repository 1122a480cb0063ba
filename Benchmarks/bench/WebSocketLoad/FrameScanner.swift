import Foundation
import NIOCore
import NIOWebSocket

/// Finds a server's frames in what a socket reads, without copying them.
struct FrameScanner {
    private var rest: ByteBuffer?

    /// - Parameter body: given each whole frame. Fragments are not put together: no server here sends any.
    mutating func take(_ arrived: ByteBuffer, _ body: (WebSocketOpcode, UnsafeRawBufferPointer) -> Void) {
        var buffer = arrived
        if var begun = rest {
            begun.writeBuffer(&buffer)
            buffer = begun
        }
        let used = buffer.withUnsafeReadableBytes { bytes in
            var start = 0
            while let frame = Self.frame(in: bytes, from: start) {
                let opcode = WebSocketOpcode(encodedWebSocketOpcode: bytes[start] & 0x0F) ?? .continuation
                body(opcode, UnsafeRawBufferPointer(rebasing: bytes[frame]))
                start = frame.upperBound
            }
            return start
        }
        buffer.moveReaderIndex(forwardBy: used)
        rest = buffer.readableBytes > 0 ? buffer : nil
    }

    /// Where the content of the frame lies that begins at `start`; `nil` when it is not whole. RFC 6455, 5.2.
    private static func frame(in bytes: UnsafeRawBufferPointer, from start: Int) -> Range<Int>? {
        guard start + 2 <= bytes.count else { return nil }
        let short = Int(bytes[start + 1] & 0x7F)
        let wide = short == 126 ? 2 : short == 127 ? 8 : 0
        let content = start + 2 + wide
        guard content <= bytes.count else { return nil }
        let length = wide == 0 ? short : bytes[(start + 2)..<content].reduce(0) { $0 << 8 | Int($1) }
        return content + length <= bytes.count ? content..<(content + length) : nil
    }
}

/// What a frame tells, as far as it matters here.
enum SeenFrame {
    case hello
    /// The message of that number.
    case message(Int)
    case acknowledged(Int)
    case refused(Int)
    case gap
    case other

    init(_ text: UnsafeRawBufferPointer) {
        let kind = text.end(of: #""type":""#).flatMap { $0 < text.count ? text[$0] : nil }
        switch kind {
        case UInt8(ascii: "h"): self = .hello
        case UInt8(ascii: "a"): self = text.number(after: #""ref":"#).map(SeenFrame.acknowledged) ?? .other
        case UInt8(ascii: "e"): self = .refused(text.number(after: #""ref":"#) ?? -1)
        case UInt8(ascii: "g"): self = .gap
        // From the bare server it comes as it was sent.
        case UInt8(ascii: "m"), UInt8(ascii: "s"): self = text.number(after: "#").map(SeenFrame.message) ?? .other
        default: self = .other
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func end(of pattern: StaticString) -> Int? {
        let (first, length) = (Int32(pattern.utf8Start.pointee), pattern.utf8CodeUnitCount)
        var start = 0
        while let base = baseAddress, start + length <= count, let found = memchr(base + start, first, count - length + 1 - start)
        {
            let place = base.distance(to: found)
            if memcmp(found, pattern.utf8Start, length) == 0 { return place + length }
            start = place + 1
        }
        return nil
    }

    fileprivate func number(after pattern: StaticString) -> Int? {
        guard let start = end(of: pattern) else { return nil }
        var number = 0
        for byte in self[start...] {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return number
    }
}
