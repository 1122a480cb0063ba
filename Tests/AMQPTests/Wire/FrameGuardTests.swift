import TestSupport
import Testing

@testable import AMQP

@Suite("Frames are validated before the library parses them") struct FrameGuardTests {
    private func frame(_ kind: UInt8, channel: UInt16 = 0, size: UInt32, payload: Int? = nil, end: UInt8 = 0xCE) -> [UInt8] {
        var buffer = OutputBuffer()
        buffer.put(kind)
        buffer.put(channel)
        buffer.put(size)
        buffer.put(contentsOf: [UInt8](repeating: 0, count: payload ?? Int(size)))
        buffer.put(end)
        return buffer.bytes
    }

    private func violation(_ frames: FrameGuard, _ bytes: [UInt8]) -> String? {
        var frames = frames
        return bytes.withUnsafeBytes { frames.violation(in: $0) }
    }

    private func opened(_ channel: UInt16 = 1) -> FrameGuard {
        var frames = FrameGuard(frameMax: 4_096)
        frames.channelLimit = channel
        return frames
    }

    @Test("frames of every type pass, up to the agreed size")
    func good() {
        for kind in [FrameKind.method, FrameKind.header, FrameKind.body] {
            #expect(violation(opened(), frame(kind, channel: 1, size: 4_088)) == nil)
        }
        #expect(violation(opened(), frame(FrameKind.heartbeat, size: 0)) == nil)
        #expect(violation(opened(), frame(FrameKind.method, size: 4)) == nil)
        #expect(violation(opened(), frame(FrameKind.header, size: 14)) == nil)
    }

    @Test(
        "an oversized frame is rejected before its payload is stored",
        arguments: [4_089, .max, .max - 8] as [UInt32])
    func tooLarge(size: UInt32) {
        #expect(
            violation(opened(), frame(FrameKind.body, channel: 1, size: size, payload: 0))?.contains("more than agreed") == true)
    }

    @Test("a method without room for its number and a header without room for its fields are rejected")
    func tooSmall() {
        for size in UInt32(0)..<4 { #expect(violation(opened(), frame(FrameKind.method, size: size)) != nil) }
        for size in UInt32(0)..<14 { #expect(violation(opened(), frame(FrameKind.header, size: size)) != nil) }
    }

    @Test("unknown frame types are rejected", arguments: UInt8(0)...255)
    func kinds(kind: UInt8) {
        let isKnown = [FrameKind.method, FrameKind.header, FrameKind.body, FrameKind.heartbeat].contains(kind)
        #expect((violation(opened(), frame(kind, size: 20)) == nil) == isKnown)
    }

    @Test("a channel that was not opened is rejected, so that a peer cannot allocate memory per channel")
    func channels() {
        #expect(violation(opened(3), frame(FrameKind.body, channel: 3, size: 1)) == nil)
        #expect(violation(opened(3), frame(FrameKind.body, channel: 4, size: 1))?.contains("channel 4") == true)
        #expect(violation(opened(0), frame(FrameKind.method, channel: 1, size: 4)) != nil)
    }

    @Test("input may be split anywhere", arguments: UInt64(1)...30)
    func cuts(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var bytes: [UInt8] = []
        for _ in 0..<40 { bytes += frame(FrameKind.body, channel: 1, size: .random(in: 0...300, using: &random)) }
        let isBad = Bool.random(using: &random)
        if isBad { bytes += frame(7, size: 0) }
        bytes += frame(FrameKind.heartbeat, size: 0)
        var (frames, start, objected) = (opened(), 0, false)
        while start < bytes.count {
            let end = min(bytes.count, start + Int.random(in: 1...50, using: &random))
            objected = bytes[start..<end].withUnsafeBytes { frames.violation(in: $0) } != nil || objected
            start = end
        }
        #expect(objected == isBad)
    }

    @Test("random bytes are rejected or pass, without a trap", arguments: UInt64(1)...50)
    func noise(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var frames = opened()
        for _ in 0..<100 {
            let bytes = (0..<100).map { _ in UInt8.random(in: 0...9, using: &random) }
            _ = bytes.withUnsafeBytes { frames.violation(in: $0) }
        }
    }
}
