import Contracts
import Testing

@testable import Chats

@Suite("Cursors") struct CursorsTests {
    @Test("a cursor restores the position where a page ended", arguments: [0, 1_769_847_330_250, 253_402_300_799_999] as [Int64])
    func roundTrip(milliseconds: Int64) throws {
        let page = PageCursor(time: Timestamp(milliseconds), id: .max)
        #expect(try PageCursor(page.text) == page)
        let changes = ChangesCursor(askedAt: Timestamp(milliseconds))
        #expect(try ChangesCursor(changes.text) == changes)
    }

    @Test(
        "a cursor is accepted only in the exact form in which it was issued",
        arguments: [
            "", ".", "1.", ".1", "1.2.3", "01.2", "+1.2", "1.2 ", "-1.2", "9999999999999999999.1", "253402300800000.1", "c1.2",
            "１.2", "c5",
        ])
    func refusesPages(text: String) throws {
        let error = #expect(throws: ServiceError.self) { try PageCursor(text) }
        #expect(error?.code == .invalid && error?.fields.map(\.field) == ["after"])
    }

    @Test(
        "a changes cursor is accepted only in the exact form in which it was issued",
        arguments: ["", "c", "5", "c05", "c-1", "c+1", "c 1", "c1.2", "c253402300800000"])
    func refusesChanges(text: String) throws {
        let error = #expect(throws: ServiceError.self) { try ChangesCursor(text) }
        #expect(error?.fields.map(\.field) == ["changedSince"])
    }

    @Test("changes are read from a time before the cursor")
    func overlap() {
        #expect(ChangesCursor(askedAt: Timestamp(100_000)).from == Timestamp(40_000))
    }
}
