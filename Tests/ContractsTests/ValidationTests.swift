import Contracts
import Testing

@Suite("Validation") struct ValidationTests {
    @Test("all invalid fields are reported at once")
    func together() {
        var errors = ValidationErrors()
        let name = errors.check("name", try "x".validated(length: 2...3))
        let title = errors.check("title", try "xy".validated(length: 2...3))
        errors.add("kind", "must be one of two")
        #expect(name == nil && title == "xy")
        #expect(errors.error.code == .invalid)
        #expect(errors.error.message == "name: must have 2 to 3 characters; kind: must be one of two")
        #expect(errors.error.fields.map(\.field) == ["name", "kind"])
        #expect(throws: errors.error) { try errors.throwIfAny() }
        #expect(throws: Never.self) { try ValidationErrors().throwIfAny() }
    }

    @Test("a single field is reported with its name")
    func single() throws {
        #expect(try validated("name", try "xy".validated(length: 2...3)) == "xy")
        #expect(throws: ServiceError.invalid("name", "must have 2 to 3 characters")) {
            try validated("name", try "xyzz".validated(length: 2...3))
        }
    }

    @Test(
        "a text has so many Unicode scalars, and no U+0000",
        arguments: [("", false), ("ab", true), ("👩‍👩", true), ("e\u{301}\u{301}", true), ("abcd", false), ("a\u{0}", false)])
    func length(text: String, isValid: Bool) {
        #expect(((try? text.validated(length: 1...3)) != nil) == isValid)
    }

    @Test("a pair is the same from both sides, and never one user twice")
    func pairs() {
        let (mia, tom) = (UserID(rawValue: 9), UserID(rawValue: 2))
        #expect(UserPair(mia, tom) == UserPair(tom, mia))
        #expect(UserPair(mia, tom)?.low == tom)
        #expect(UserPair(mia, tom)?.other(than: tom) == mia)
        #expect(UserPair(mia, mia) == nil)
    }
}
