import Contracts
import TestSupport
import Testing

@testable import Users

@Suite("Pages") struct PagingTests {
    @Test("a limit is 1 to 100")
    func limits() {
        for count in [1, 100] { #expect((try? PageLimit(count))?.count == count) }
        for count in [0, 101, -1, .max, .min] { #expect((try? PageLimit(count)) == nil) }
    }

    @Test("a cursor comes back as it went", arguments: UInt64(1)...50)
    func cursors(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let cursor = NewestFirstCursor(
            since: Timestamp(millisecondsSinceEpoch: .random(in: 0...253_402_300_799_999, using: &random)),
            id: .random(in: 0 ... .max, using: &random))
        #expect(try NewestFirstCursor(cursor.text) == cursor)
    }

    @Test(
        "a made-up cursor is refused",
        arguments: ["", "-", "a", "a-", "-a", "a-b-c", "A-b", "a--1", "+1-1", "zzzzzzzzzz-1", "ｱ-1", "00-1"])
    func noCursors(text: String) { #expect(throws: Complaint.self) { try NewestFirstCursor(text) } }

    @Test("a page ends the list, or says where it goes on")
    func pages() throws {
        let limit = try PageLimit(2)
        #expect(Page([1, 2], limit: limit, cursor: String.init) == Page(items: [1, 2]))
        #expect(Page([1, 2, 3], limit: limit, cursor: String.init) == Page(items: [1, 2], next: "2"))
        #expect(Page([Int](), limit: limit, cursor: String.init) == Page(items: []))
    }
}

@Suite("Search") struct SearchTests {
    @Test("what would be a wildcard stands for itself")
    func pattern() throws {
        #expect(try SearchQuery("Mar").pattern == "%mar%")
        #expect(try SearchQuery(#"50%_\"#).pattern == #"%50\%\_\\%"#)
    }

    @Test("names and queries are made small by the same rule", arguments: ["MÜLLER", "ΣΊΣΥΦΟΣ", "İstanbul", "ЖЁЛТЫЙ"])
    func lowercase(name: String) throws {
        let text = SearchText.of(username: "abc", displayName: name)
        let query = try SearchQuery(name)
        #expect(text == "abc \(query.text)")
    }

    @Test("a query has 3 to 64 characters", arguments: [2, 65])
    func length(count: Int) { #expect(throws: Complaint.self) { try SearchQuery(String(repeating: "a", count: count)) } }

    @Test("a cursor comes back as it went, and a made-up one is refused")
    func cursor() throws {
        let user = User(
            id: UserID(rawValue: 1), username: "martha.k", displayName: "M", createdAt: Timestamp(millisecondsSinceEpoch: 0))
        for (query, rank) in [("mart", SearchCursor.Rank.usernamePrefix), ("tha", .other)] {
            let cursor = SearchCursor(after: user, of: try SearchQuery(query))
            #expect(cursor == SearchCursor(rank: rank, username: "martha.k"))
            #expect(try SearchCursor(cursor.text) == cursor)
        }
        for text in ["", "0", "2martha", "0Martha", "0ma", "martha", "0mar tha"] {
            #expect(throws: Complaint.self) { try SearchCursor(text) }
        }
    }
}
