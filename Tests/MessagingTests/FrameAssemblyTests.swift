import NIOCore
import NIOEmbedded
import NIOWebSocket
import TestSupport
import Testing

@testable import Messaging

@Suite("Messages from frames") struct FrameAssemblyTests {
    typealias Frame = ReceivedFrame<[UInt8]>
    typealias Assembly = FrameAssembly<[UInt8]>

    private func frame(_ kind: Frame.Kind, _ text: String = "", isFinal: Bool = true) -> Frame {
        Frame(kind: kind, isFinal: isFinal, payload: Array(text.utf8))
    }

    @Test("fragments become one message, without the control frames between them")
    func fragments() {
        var assembly = Assembly()
        #expect(assembly.receive(frame(.text, "a", isFinal: false)) == .incomplete)
        #expect(assembly.receive(frame(.ping, "p")) == .ping(Array("p".utf8)))
        #expect(assembly.isUnderWay)
        #expect(assembly.receive(frame(.continuation, "b", isFinal: false)) == .incomplete)
        #expect(assembly.receive(frame(.continuation, "c")) == .text(Array("abc".utf8)))
        #expect(!assembly.isUnderWay)
    }

    @Test("each violation has its close code")
    func violations() {
        func last(_ frames: Frame...) -> Assembly.Step? {
            var assembly = Assembly()
            return frames.map { assembly.receive($0) }.last
        }
        #expect(last(Frame(kind: .text, isMasked: false, payload: [])) == .violation(.protocolError))
        #expect(last(Frame(kind: .text, hasReservedBits: true, payload: [])) == .violation(.protocolError))
        #expect(last(frame(.reserved)) == .violation(.protocolError))
        #expect(last(frame(.continuation, "a")) == .violation(.protocolError))
        #expect(last(frame(.text, "a", isFinal: false), frame(.text, "b")) == .violation(.protocolError))
        #expect(last(frame(.binary, "a")) == .violation(.unsupportedData))
        let huge = String(repeating: "x", count: 40_000)
        #expect(last(frame(.text, huge, isFinal: false), frame(.continuation, huge)) == .violation(.messageTooLarge))
        var endless = Assembly()
        _ = endless.receive(frame(.text, isFinal: false))
        let steps = (0..<MessageLimits.fragments).map { _ in endless.receive(frame(.continuation, isFinal: false)) }
        #expect(steps.last == .violation(.tooManyFragments))
        #expect(last(Frame(kind: .text, payload: [0xC3])) == .violation(.invalidUTF8))
    }

    @Test("a close is answered with its code; without one, with 1000")
    func closes() {
        func step(_ payload: [UInt8]) -> Assembly.Step {
            var assembly = Assembly()
            return assembly.receive(Frame(kind: .close, payload: payload))
        }
        #expect(step([]) == .close(code: 1_000))
        #expect(step([0x0F, 0x9F, 0x62]) == .close(code: 3_999))
        for payload in [[3], [0x03, 0xED], [0x03, 0xE8, 0xFF], [0, 0], [0xFF, 0xFF]] as [[UInt8]] {
            #expect(step(payload) == .violation(.protocolError))
        }
    }

    @Test("a frame of the library is read with its payload unmasked")
    func unmasked() throws {
        let key = try #require(WebSocketMaskingKey([1, 2, 3, 4]))
        var data = ByteBuffer(string: "text")
        data.webSocketMask(key)
        let read = ReceivedFrame(WebSocketFrame(fin: false, rsv2: true, opcode: .continuation, maskKey: key, data: data))
        #expect(read.kind == .continuation && !read.isFinal && read.isMasked && read.hasReservedBits)
        #expect(Array(read.payload) == Array("text".utf8))
        let plain = ReceivedFrame(WebSocketFrame(fin: true, opcode: .connectionClose, data: ByteBuffer()))
        #expect(plain.kind == .close && plain.isFinal && !plain.isMasked && !plain.hasReservedBits)
    }

    @Test("arbitrary bytes, in arbitrary pieces, neither trap nor exceed the limits", arguments: 1...200 as ClosedRange<UInt64>)
    func noise(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let channel = EmbeddedChannel(
            handler: ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: MessageLimits.bytes)))
        var assembly = FrameAssembly<ByteBufferView>()
        var isOver = false
        for _ in 0..<200 where !isOver {
            var bytes = (0..<Int.random(in: 1...60, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            // Half of them begin like a frame of a client.
            if Bool.random(using: &random) {
                let opcode = ([0x81, 0x01, 0x80, 0x89, 0x88] as [UInt8]).randomElement(using: &random) ?? 0x81
                bytes = [opcode, 0x80 | UInt8.random(in: 0...127, using: &random)] + bytes
            }
            do { try channel.writeInbound(ByteBuffer(bytes: bytes)) } catch { isOver = true }
            while let frame = try channel.readInbound(as: WebSocketFrame.self) {
                switch assembly.receive(ReceivedFrame(frame)) {
                case .text(let text): #expect(text.count <= MessageLimits.bytes)
                case .violation, .close: isOver = true
                case .incomplete, .ping, .pong: break
                }
            }
        }
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }
}
