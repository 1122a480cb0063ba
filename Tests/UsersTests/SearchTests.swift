import Contracts
import TestSupport
import Testing

@testable import Users

@Suite("Search") struct SearchTests {
    @Test("wildcards of LIKE are escaped")
    func pattern() throws {
        #expect(try SearchQuery("Mar").pattern == "%mar%")
        #expect(try SearchQuery(#"50%_\"#).pattern == #"%50\%\_\\%"#)
    }

    @Test("names and queries are lower-cased by the same rule", arguments: ["MÜLLER", "ΣΊΣΥΦΟΣ", "İstanbul", "ЖЁЛТЫЙ"])
    func lowercase(name: String) throws {
        let text = SearchText.of(username: "abc", displayName: name)
        let query = try SearchQuery(name)
        #expect(text == "abc \(query.text)")
    }

    @Test("a query has 3 to 64 characters", arguments: [2, 65])
    func length(count: Int) { #expect(throws: ValidationError.self) { try SearchQuery(String(repeating: "a", count: count)) } }

    @Test("a cursor reads back as it was written, and a made-up one is refused")
    func cursor() throws {
        let user = User(
            id: UserID(rawValue: 1), username: "martha.k", displayName: "M", createdAt: Timestamp(millisecondsSinceEpoch: 0))
        for (query, rank) in [("mart", SearchCursor.Rank.usernamePrefix), ("tha", .other)] {
            let cursor = SearchCursor(after: user, of: try SearchQuery(query))
            #expect(cursor == SearchCursor(rank: rank, username: "martha.k"))
            #expect(try SearchCursor(cursor.text) == cursor)
        }
        for text in ["", "0", "2martha", "0Martha", "0ma", "martha", "0mar tha"] {
            #expect(throws: ValidationError.self) { try SearchCursor(text) }
        }
    }
}
