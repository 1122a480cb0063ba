import TestSupport
import Testing

@testable import Contracts

@Suite("Pages of lists") struct PagingTests {
    @Test("a limit is 1 to 100")
    func limits() {
        for count in [1, 100] { #expect((try? PageLimit(count))?.count == count) }
        for count in [0, 101, -1, .max, .min] { #expect((try? PageLimit(count)) == nil) }
    }

    @Test("a cursor reads back as it was written", arguments: UInt64(1)...50)
    func roundTrip(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let cursor = PageCursor(
            time: Timestamp(millisecondsSinceEpoch: .random(in: 0...253_402_300_799_999, using: &random)),
            id: .random(in: 0 ... .max, using: &random))
        #expect(try PageCursor(base36: cursor.base36) == cursor)
        #expect(try PageCursor(decimal: cursor.decimal) == cursor)
    }

    @Test("the text forms of cursors stay as clients hold them")
    func textForms() {
        let cursor = PageCursor(time: Timestamp(millisecondsSinceEpoch: 1_769_847_330_250), id: 42)
        #expect(cursor.decimal == "1769847330250.42")
        #expect(cursor.base36 == "ml21ek0a-16")
        #expect(PageCursor.newest.decimal == "253402300799999.9223372036854775807")
    }

    @Test(
        "a made-up cursor in base 36 is refused",
        arguments: ["", "-", "a", "a-", "-a", "a-b-c", "A-b", "a--1", "+1-1", "zzzzzzzzzz-1", "ｱ-1", "00-1"])
    func refusesBase36(text: String) { #expect(throws: ValidationError.self) { try PageCursor(base36: text) } }

    @Test(
        "a made-up decimal cursor is refused",
        arguments: [
            "", ".", "1.", ".1", "1.2.3", "01.2", "+1.2", "1.2 ", "-1.2", "9999999999999999999.1", "253402300800000.1", "c1.2",
            "１.2", "c5", "1.-2",
        ])
    func refusesDecimal(text: String) { #expect(throws: ValidationError.self) { try PageCursor(decimal: text) } }

    @Test("a page is the last one, or has a cursor for the next")
    func pages() throws {
        let limit = try PageLimit(2)
        #expect(Page(of: [1, 2], limit: limit, cursor: String.init) == Page(items: [1, 2]))
        #expect(Page(of: [1, 2, 3], limit: limit, cursor: String.init) == Page(items: [1, 2], next: "2"))
        #expect(Page(of: [Int](), limit: limit, cursor: String.init) == Page(items: []))
    }
}
