import Contracts
import Testing

@testable import Users

@Suite("Fields of accounts") struct FieldTests {
    @Test("a username is 3–32 of a–z 0–9 . _ -, lower-cased", arguments: [("abc", "abc"), ("A.b_C-9", "a.b_c-9")])
    func usernames(text: String, username: String) throws { #expect(try Username(text).text == username) }

    @Test(
        "other usernames are refused",
        arguments: [
            "", "ab", String(repeating: "a", count: 33), "a b", "añb", "a\u{0}b", "a/b", "ab\n",
            // KELVIN SIGN and LATIN CAPITAL I WITH DOT would be lower-cased to allowed letters by Unicode's
            // rules.
            "\u{212A}im", "\u{130}an", "ａｂｃ",
        ])
    func noUsernames(text: String) { #expect(throws: ValidationError.self) { try Username(text) } }

    @Test("lengths count Unicode scalars, not grapheme clusters")
    func scalars() throws {
        let family = "👨‍👩‍👧‍👦"  // one grapheme, seven scalars
        #expect(try DisplayName(String(repeating: family, count: 9)).text.unicodeScalars.count == 63)
        #expect(throws: ValidationError.self) { try DisplayName(String(repeating: family, count: 10)) }
        #expect(throws: ValidationError.self) { try DisplayName("e" + String(repeating: "\u{301}", count: 64)) }
    }

    @Test(
        "a display name is visible and has one line",
        arguments: [
            "", " ", "\u{3000}\n", "a\u{0}b", "a\nb", "a\u{7}b", "a\u{85}b", "a\u{2028}b", "\u{200B}", "\u{200D} \u{FEFF}",
            "\u{3164}", "\u{115F}\u{1160}", "\u{2800}", "\u{E0041}", "\u{378}",
        ])
    func noDisplayNames(text: String) { #expect(throws: ValidationError.self) { try DisplayName(text) } }

    @Test(
        "a display name may be in any script, with joiners",
        arguments: ["Mia", "李", "می\u{200C}خواهم", "👩\u{200D}💻", "‫שלום‬", "-"])
    func displayNames(text: String) throws { #expect(try DisplayName(text).text == text) }

    @Test("a new password has 8 to 256 characters; an attempt has 1 to 256")
    func passwords() throws {
        for (count, fits) in [(7, false), (8, true), (256, true), (257, false)] {
            let text = String(repeating: "ü", count: count)
            #expect(((try? Password(new: text)) != nil) == fits)
            #expect(((try? Password(attempt: text)) != nil) == (count <= 256))
        }
        #expect(throws: ValidationError.self) { try Password(new: "with\u{0}zero") }
        #expect(throws: ValidationError.self) { try Password(attempt: "\u{0}") }
        #expect(throws: ValidationError.self) { try Password(attempt: "") }
    }

    @Test("a password does not print itself")
    func silence() throws {
        let password = try Password(new: "correct horse")
        #expect(!"\(password) \(String(reflecting: password))".contains("horse"))
    }

    @Test("an avatar is an https URL or absent")
    func avatars() throws {
        #expect(try AvatarURL("").text == nil)
        #expect(try AvatarURL("https://a.example/p.png?s=1").text == "https://a.example/p.png?s=1")
        for text in [
            "http://a.example", "https://", "https:///x", "javascript:alert(1)", "https://a b", "https://a\"onerror=",
            "https://ü.example",
            "https://" + String(repeating: "a", count: 505),
        ] {
            #expect(throws: ValidationError.self) { try AvatarURL(text) }
        }
        #expect(try AvatarURL("https://" + String(repeating: "a", count: 504)).text?.utf8.count == 512)
    }

    @Test("a device without a name is unknown; a name has 1 to 64 characters")
    func devices() throws {
        #expect(try DeviceName(nil) == .unknown)
        #expect(try DeviceName("Kitchen").text == "Kitchen")
        #expect(throws: ValidationError.self) { try DeviceName("") }
        #expect(throws: ValidationError.self) { try DeviceName(String(repeating: "x", count: 65)) }
    }

    @Test("all invalid fields are reported at once")
    func complaints() {
        var errors = ValidationErrors()
        let username = errors.check("username", try Username("!"))
        let name = errors.check("displayName", try DisplayName("Mia"))
        let device = errors.check("device", try DeviceName(""))
        #expect(username == nil && name != nil && device == nil)
        #expect(errors.error.code == .invalid)
        #expect(errors.error.fields.map(\.field) == ["username", "device"])
    }
}
