import Contracts
import Testing

@testable import Chats

@Suite("Cursors of changed chats") struct ChangesCursorTests {
    @Test("read back as they were written", arguments: [0, 1_769_847_330_250, 253_402_300_799_999] as [Int64])
    func roundTrip(milliseconds: Int64) throws {
        let changes = ChangesCursor(askedAt: Timestamp(milliseconds))
        #expect(try ChangesCursor(changes.text) == changes)
    }

    @Test(
        "are accepted only as they were written",
        arguments: ["", "c", "5", "c05", "c-1", "c+1", "c 1", "c1.2", "c253402300800000"])
    func refusesOthers(text: String) { #expect(throws: ValidationError.self) { try ChangesCursor(text) } }

    @Test("list changes from before the time that they hold")
    func overlap() {
        #expect(ChangesCursor(askedAt: Timestamp(100_000)).from == Timestamp(40_000))
    }
}
