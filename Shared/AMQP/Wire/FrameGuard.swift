/// Validates the first seven bytes of each frame before the library parses it.
///
/// The library assumes that a method frame has room for a method and a header frame for a header, and
/// allocates a memory pool for every channel number. Invalid values must therefore not reach it.
struct FrameGuard {
    /// The agreed maximum frame size, including the overhead.
    let frameMax: Int
    /// The highest channel number that was opened.
    var channelLimit: UInt16 = 0

    /// The bytes of the next frame's head so far.
    private var head: UInt64 = 0
    private var headCount = 0
    /// The number of bytes left of the current frame, including its end marker.
    private var rest = 0

    var isBetweenFrames: Bool { rest == 0 && headCount == 0 }

    init(frameMax: Int) { self.frameMax = frameMax }

    /// Returns the reason why these bytes, which continue those of the last call, are not valid frames; `nil`
    /// if they are.
    mutating func violation(in bytes: UnsafeRawBufferPointer) -> String? {
        var index = 0
        while index < bytes.count {
            if rest > 0 {
                let skip = min(rest, bytes.count - index)
                rest -= skip
                index += skip
                continue
            }
            head = head << 8 | UInt64(bytes[index])
            headCount += 1
            index += 1
            if headCount == 7, let violation = checkHead() { return violation }
        }
        return nil
    }

    private mutating func checkHead() -> String? {
        let kind = UInt8(head >> 48)
        let channel = UInt16(truncatingIfNeeded: head >> 32)
        let size = Int(UInt32(truncatingIfNeeded: head))
        (head, headCount, rest) = (0, 0, size + 1)
        guard let smallest = Self.smallestPayload(of: kind) else { return "frame of unknown kind \(kind)" }
        guard size >= smallest else { return "frame of kind \(kind) with only \(size) bytes" }
        guard size + FrameKind.overhead <= frameMax else { return "frame of \(size) bytes, more than agreed" }
        guard channel <= channelLimit else { return "frame on channel \(channel), which is not open" }
        return nil
    }

    private static func smallestPayload(of kind: UInt8) -> Int? {
        switch kind {
        case FrameKind.method: 4
        case FrameKind.header: 14
        case FrameKind.body, FrameKind.heartbeat: 0
        default: nil
        }
    }
}
