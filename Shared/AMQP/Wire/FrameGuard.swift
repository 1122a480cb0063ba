/// Looks at the seven bytes before each frame before the library does.
///
/// The library trusts that a method frame has room for a method and a header frame for a header, and keeps a memory pool for every channel number it
/// ever sees. A peer that lies about either must not get that far.
struct FrameGuard {
    /// The largest frame agreed on, with its overhead.
    let frameMax: Int
    /// The highest channel that we have opened.
    var channelLimit: UInt16 = 0

    /// What has been seen of the next frame's first seven bytes.
    private var head: UInt64 = 0
    private var headCount = 0
    /// Bytes of the present frame that are still to come, its end marker included.
    private var rest = 0

    var isBetweenFrames: Bool { rest == 0 && headCount == 0 }

    init(frameMax: Int) { self.frameMax = frameMax }

    /// The reason why these bytes, which follow those of the last call, are no frames of AMQP; `nil` if they are.
    mutating func objection(to bytes: UnsafeRawBufferPointer) -> String? {
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
            if headCount == 7, let objection = begin() { return objection }
        }
        return nil
    }

    private mutating func begin() -> String? {
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
