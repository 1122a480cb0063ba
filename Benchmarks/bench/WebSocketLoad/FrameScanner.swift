import Foundation
import NIOCore
import NIOWebSocket

/// Finds the frames of a server in received bytes, without copying them.
struct FrameScanner {
    /// The bytes of an incomplete frame.
    private var rest: ByteBuffer?

    /// Calls `body` with each complete frame. Does not join fragments: the measured servers send none.
    mutating func scan(_ received: ByteBuffer, _ body: (WebSocketOpcode, UnsafeRawBufferPointer) -> Void) {
        var buffer = received
        if var incomplete = rest {
            incomplete.writeBuffer(&buffer)
            buffer = incomplete
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

    /// Returns the range of the payload of the frame at `start`; `nil` if the frame is incomplete.
    /// RFC 6455, 5.2.
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

/// The content of a text frame, as far as the benchmark needs it. Messages are identified by their number.
enum ReceivedFrame {
    case hello
    case message(Int)
    case acknowledged(Int)
    case refused(Int)
    case gap
    case other

    init(_ text: UnsafeRawBufferPointer) {
        let kind = text.end(of: #""type":""#).flatMap { $0 < text.count ? text[$0] : nil }
        switch kind {
        case UInt8(ascii: "h"): self = .hello
        case UInt8(ascii: "a"): self = text.number(after: #""ref":"#).map(ReceivedFrame.acknowledged) ?? .other
        case UInt8(ascii: "e"): self = .refused(text.number(after: #""ref":"#) ?? -1)
        case UInt8(ascii: "g"): self = .gap
        // The relay server returns the `send` frame of the client.
        case UInt8(ascii: "m"), UInt8(ascii: "s"): self = text.number(after: "#").map(ReceivedFrame.message) ?? .other
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
            let offset = base.distance(to: found)
            if memcmp(found, pattern.utf8Start, length) == 0 { return offset + length }
            start = offset + 1
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
