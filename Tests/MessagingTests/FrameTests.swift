import Contracts
import Foundation
import NIOCore
import NIOEmbedded
import NIOWebSocket
import Testing

@testable import Messaging

@Suite("Frames of clients") struct FrameTests {
    private func read(_ text: String) throws(BadFrame) -> ClientFrame { try ClientFrame(Array(text.utf8)) }

    @Test("every frame of the protocol is parsed, and unknown fields are ignored")
    func known() throws {
        #expect(
            try read(#"{"type":"send","ref":"a","chatId":"7","clientMessageId":"c","text":"hi","replyTo":3,"new":{}}"#)
                == .send(
                    SendFrame(
                        ref: .text("a"), chatID: ChatID(rawValue: 7), clientMessageID: ClientMessageID(rawValue: "c"), text: "hi",
                        replyTo: 3)))
        #expect(try read(#"{"chatId":"7","seq":9,"type":"read"}"#) == .read(chatID: ChatID(rawValue: 7), seq: 9))
        #expect(try read(#"{"type":"delivered","chatId":"7","seq":9}"#) == .delivered(chatID: ChatID(rawValue: 7), seq: 9))
        #expect(try read(#"{"type":"typing","chatId":"7"}"#) == .typing(chatID: ChatID(rawValue: 7)))
        #expect(try read(#"{"type":"ping"}"#) == .ping)
        #expect(try read(#"{"type":"of tomorrow","seq":"x"}"#) == .unknown)
    }

    @Test(
        "an invalid frame is answered with the field, the rule and its ref",
        arguments: [
            ("", nil, "malformed"), ("[]", nil, "malformed"), ("{}", nil, "malformed"), (#"{"type":1}"#, nil, "malformed"),
            (#"{"type":"read","chatId":"x","seq":1}"#, nil, "chatId: must be an id"),
            (#"{"type":"read","chatId":"7"}"#, nil, "seq: is required"),
            (#"{"type":"read","chatId":"7","seq":"1"}"#, nil, "seq: must be a whole number"),
            (#"{"type":"send","ref":5,"chatId":"7","clientMessageId":"c"}"#, .number(5), "text: is required"),
            (#"{"type":"send","chatId":"7","clientMessageId":"c","text":"t"}"#, nil, "ref: is required"),
        ] as [(String, FrameRef?, String)])
    func wrong(text: String, ref: FrameRef?, what: String) {
        let bad = #expect(throws: BadFrame.self) { try read(text) }
        #expect(bad?.ref == ref)
        #expect(bad.map { "\($0.code) \($0.message)".contains(what) } == true, "\(bad?.message ?? "")")
    }

    @Test("server frames are valid JSON for any quoted text")
    func escaping() throws {
        let nasty = "a\"b\\c\u{0}\u{1F}\n\u{7F}é🦉"
        let object =
            try JSONSerialization.jsonObject(with: Data(ServerFrame.error(.text(nasty), code: "c", nasty))) as? [String: Any]
        #expect(object?["ref"] as? String == nasty)
        #expect(object?["message"] as? String == nasty)
    }

    @Test(
        "a numbered frame of any size starts with its number and is otherwise unchanged", arguments: [10, 200, 70_000])
    func numbered(length: Int) throws {
        let text = ServerFrame.error(nil, code: "c", String(repeating: "x", count: length))
        let reader = EmbeddedChannel(handler: ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 100_000)))
        try reader.writeInbound(ByteBuffer.frame(text, numbered: 42))
        let frame = try #require(try reader.readInbound(as: WebSocketFrame.self))
        #expect(frame.fin && frame.opcode == .text && frame.maskKey == nil)
        #expect(try reader.readInbound(as: WebSocketFrame.self) == nil)
        let content = Data(frame.data.readableBytesView)
        let object = try #require(try JSONSerialization.jsonObject(with: content) as? [String: Any])
        #expect(content.starts(with: Data(#"{"n":42,"type":"error","#.utf8)))
        #expect(object["n"] as? Int == 42)
        #expect(object["message"] as? String == String(repeating: "x", count: length))
    }
}
