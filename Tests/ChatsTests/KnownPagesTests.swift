import Bus
import CBOR
import Contracts
import TestSupport
import Testing

@testable import Chats

@Suite("Pages that the reader has already") struct KnownPagesTests {
    @Test("who has the page is told so by every process; after a send it is another page")
    func known() async throws {
        try await ChatsProcess.pair { one, other in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await one.group([anna, ben])
            for text in ["a", "b", "c"] { try await one.send(text, from: anna, to: chat) }
            for position in [.newest, .before(seq: 3), .after(seq: 1), .at(time: Timestamp(0)), .changedAfter(rev: 2)]
                as [GetHistory.Position]
            {
                let page = try await one.history(chat, for: anna, position, limit: 2, known: PageTag.none)
                let tag = try #require(page.tag)
                #expect(!page.items.isEmpty && page.unchanged == nil)
                for process in [one, other, one] {
                    let again = try await process.history(chat, for: ben, position, limit: 2, known: tag)
                    #expect(again == GetHistory.Response(tag: tag, unchanged: true, items: []))
                }
            }
            let tag = try await one.history(chat, for: anna, known: PageTag.none).tag
            try await other.send("d", from: ben, to: chat)
            let newer = try await one.history(chat, for: anna, known: tag)
            #expect(newer.items.map(\.text) == ["a", "b", "c", "d"] && newer.tag != tag && newer.unchanged == nil)
        }
    }

    @Test("a tag lets nobody in, and shows nobody more than they may see")
    func authorised() async throws {
        try await ChatsProcess.pair { one, other in
            let (anna, ben, carl) = (ChatsDatabase.user(), ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await one.group([anna, ben])
            try await one.send("before", from: anna, to: chat)
            let tag = try await one.history(chat, for: anna, known: PageTag.none).tag
            await #expect(throws: ServiceError.noSuchChat) { try await other.history(chat, for: carl, known: tag) }
            _ = try await one.set(carl, in: chat, by: anna)
            let empty = try await other.history(chat, for: carl, known: tag)
            #expect(empty.items.isEmpty && empty.unchanged == nil && empty.tag != tag)
            try await one.remove(ben, from: chat, by: anna)
            await #expect(throws: ServiceError.noSuchChat) { try await other.history(chat, for: ben, known: tag) }
        }
    }

    @Test("who keeps no pages gets no tag")
    func unasked() throws {
        let page = try HistoryPage(Page(items: [.sample(seq: 1)], next: "1"))
        let bytes = try CBOREncoder.contracts.encode(HistoryAnswer(page, known: nil))
        #expect(bytes == (try CBOREncoder.contracts.encode(Page(items: [Message.sample(seq: 1)], next: "1"))))
    }

    @Test("what differs in anything has another tag")
    func tags() throws {
        var edited = Message.sample(seq: 2)
        edited.text = "edited"
        let pages: [Page<Message>] = [
            Page(items: []), Page(items: [], next: "1"), Page(items: [.sample(seq: 1)]),
            Page(items: [.sample(seq: 1)], next: "1"),
            Page(items: [.sample(seq: 1)], next: "2"), Page(items: [.sample(seq: 1), .sample(seq: 2)]),
            Page(items: [.sample(seq: 1), edited]), Page(items: [.sample(seq: 2)]),
        ]
        let tags = try pages.map { try HistoryPage($0).tag }
        #expect(Set(tags).count == pages.count && tags.allSatisfy { $0.rawValue.utf8.count == 32 })
    }
}

extension HistoryPage {
    /// As its reader makes it out.
    func read() throws -> Page<Message> {
        try CBORDecoder.contracts.decode(
            Page<Message>.self, from: try CBOREncoder.contracts.encode(HistoryAnswer(self, known: nil)))
    }
}
