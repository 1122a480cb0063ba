import Contracts
import Postgres
import TestSupport
import Testing

@testable import Chats

@Suite("History in the database") struct HistoryStoreTests {
    @Test("pages in every direction equal those of a plain list", arguments: UInt64(1)...6)
    func pages(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        try await ChatsDatabase.with { database in
            let anna = ChatsDatabase.user()
            let chat = try await database.group([anna, ChatsDatabase.user()])
            let drafts = (0..<Int.random(in: 0...60, using: &random)).map { Draft.sample(in: chat, from: anna, "\($0)") }
            try await database.send(drafts)
            // Several messages have the same time, and some were changed later.
            let step = Int64.random(in: 1...4, using: &random)
            try await database.pool.execute(
                "UPDATE messages SET sent_at = 'epoch'::timestamptz + (seq / \(step)) * interval '10 ms' WHERE chat_id = \(chat)")
            try await database.pool.execute(
                "UPDATE messages SET changed_rev = 100 + (seq * 7) % 61 WHERE chat_id = \(chat) AND seq % 5 = 0")
            let all = try await database.page(chat, .after(seq: 0)).items
            #expect(all.map(\.seq) == Array(drafts.indices.map { Int64($0) + 1 }))
            for _ in 0..<40 {
                let (limit, floor) = (Int.random(in: 1...70, using: &random), Int64.random(in: 0...8, using: &random))
                let number = Int64.random(in: 1...70, using: &random)
                let positions: [GetHistory.Position] = [
                    .newest, .before(seq: number), .after(seq: number),
                    .at(time: Timestamp(10 * number + .random(in: -5...5, using: &random))),
                    .changedAfter(rev: number * 3),
                ]
                let position = positions[Int.random(in: 0..<positions.count, using: &random)]
                let range = try HistoryRange(position, limit: limit, visibleAfter: floor)
                let expected = range.page(HistoryTests().found(range, limit: limit, in: all), limit: limit)
                #expect(try await database.page(chat, position, limit: limit, after: floor) == expected, "\(position)")
            }
        }
    }

    @Test("the newest messages of several chats are read with their versions")
    func recent() async throws {
        try await ChatsDatabase.with { database in
            let anna = ChatsDatabase.user()
            let full = try await database.group([anna, ChatsDatabase.user()])
            let empty = try await database.group([anna, ChatsDatabase.user()])
            try await database.send((0..<100).map { .sample(in: full, from: anna, "\($0)") })
            let found = try await database.history.recent([full, empty, ChatID(rawValue: 1)])
            #expect(Set(found.keys) == [full, empty])
            #expect(try found[empty] == RecentMessages(rev: 1, lastSeq: 0, messages: []))
            let messages = try await database.page(full, .newest, limit: RecentMessages.count).items
            #expect(try found[full] == RecentMessages(rev: 101, lastSeq: 100, messages: messages))
        }
    }
}
