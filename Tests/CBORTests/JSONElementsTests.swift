import Contracts
import TestSupport
import Testing

@testable import CBOR

@Suite("JSON arrays split into elements") struct JSONElementsTests {
    private func elements(_ json: String) -> [String] {
        let bytes = Array(json.utf8)
        return JSONElements.ranges(in: bytes).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    @Test("returns the elements of the only array, unchanged")
    func ranges() {
        #expect(elements(#"{"items":[]}"#) == [])
        #expect(elements(#"{"items":[1,"a",null]}"#) == ["1", #""a""#, "null"])
        let tricky = [#"{"a":"],\"}{[\\","b":[[1],{"c":","}]}"#, #"[[],[{}]]"#, #""\\""#, #"{"d":"grüß \u0001"}"#]
        #expect(elements(#"{"items":[\#(tricky.joined(separator: ","))]}"#) == tricky)
        #expect(elements("{}") == [])
    }

    @Test("returns each element as it is encoded alone", arguments: UInt64(1)...50)
    func random(seed: UInt64) throws {
        struct List: Codable { var items: [Message] }
        var random = SeededGenerator(seed: seed)
        let texts = ["", "a", #"],"\{["#, "grüß\n🜂", "\u{1}}"]
        let list = List(
            items: (0..<Int.random(in: 0...5, using: &random)).map { number in
                var message = Message.sample(seq: Int64(number))
                message.text = (0..<6).compactMap { _ in texts.randomElement(using: &random) }.joined()
                return message
            })
        let alone = try list.items.map { String(decoding: try CBOREncoder.ids.json($0), as: UTF8.self) }
        #expect(elements(String(decoding: try CBOREncoder.ids.json(list), as: UTF8.self)) == alone)
    }
}
