import Foundation
import Testing

@testable import Contracts

@Suite("Identifier") struct IdentifierTests {
    @Test("is a decimal string on the wire")
    func wire() throws {
        let json = try JSONEncoder().encode([UserID(rawValue: .max)])
        #expect(String(decoding: json, as: UTF8.self) == #"["9223372036854775807"]"#)
        #expect(try JSONDecoder().decode([UserID].self, from: json) == [UserID(rawValue: .max)])
    }

    @Test("client message ids are equal only byte by byte, as in the database")
    func clientMessageIDs() {
        let (composed, decomposed) = (ClientMessageID(rawValue: "\u{e9}"), ClientMessageID(rawValue: "e\u{301}"))
        #expect(composed.rawValue == decomposed.rawValue)
        #expect(composed != decomposed && Set([composed, decomposed, composed]).count == 2)
    }

    @Test(
        "refuses all texts but canonical positive numbers",
        arguments: [
            "", "0", "-1", "+1", "01", " 1", "1 ", "1.0", "0x10", "9223372036854775808", "１", "99999999999999999999999999",
        ])
    func refuses(text: String) {
        #expect(ChatID(text) == nil)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([ChatID].self, from: JSONEncoder().encode([text])) }
    }
}
