import Bus
import Contracts
import TestSupport
import Testing

@testable import Chats

/// Every number that a caller can choose, at the ends of its range.
@Suite("Extreme numbers", .timeLimit(.minutes(5))) struct HostileNumbersTests {
    static let numbers: [Int64] = [.min, .min + 1, -1, 0, 1, .max - 1, .max]

    static func positions(_ number: Int64) -> [GetHistory.Position] {
        [
            .before(seq: number), .after(seq: number), .changedAfter(rev: number),
            .at(time: Timestamp(min(max(number, -62_167_219_200_000), 253_402_300_799_999))),
        ]
    }

    /// Returns the result of `body`, or `nil` if it refuses with the name of a field. Any other error fails
    /// the test.
    func answer<Answer>(_ what: String, _ body: () async throws -> Answer) async -> Answer? {
        do { return try await body() } catch let error as ServiceError where error.code == .invalid && !error.fields.isEmpty {
            return nil
        } catch {
            Issue.record("\(what): \(error)")
            return nil
        }
    }

    @Test("history at any position is a page or a refusal that names the field", arguments: [0, 3, 100])
    func history(count: Int) async throws {
        try await ChatsProcess.pair { process, _ in
            let anna = ChatsDatabase.user()
            let chat = try await process.group([anna, ChatsDatabase.user()])
            if count > 0 { try await process.database.send((0..<count).map { .sample(in: chat, from: anna, "\($0)") }) }
            for number in Self.numbers {
                for position in Self.positions(number) {
                    let page = await answer("\(position)") { try await process.history(chat, for: anna, position) }
                    let seqs = page?.items.map(\.seq) ?? []
                    #expect(seqs.allSatisfy { (1...100).contains($0) } && seqs == seqs.sorted())
                }
            }
            #expect(try await process.history(chat, for: anna, .after(seq: .max)).items.isEmpty)
        }
    }

    @Test("pages from memory never trap", arguments: numbers)
    func memory(number: Int64) throws {
        for kept in [[], [Message.sample(seq: 1)], (40...60).map { Message.sample(seq: $0) }] {
            let recent = try RecentMessages(rev: 99, lastSeq: kept.last?.seq ?? 0, messages: kept)
            for position in Self.positions(number) {
                guard let range = try? HistoryRange(position, limit: 10, visibleAfter: 0) else { continue }
                #expect(try recent.page(range, limit: 10)?.read().items.allSatisfy { kept.contains($0) } != false)
            }
        }
    }

    @Test("markers, replies, limits and cursors never trap", arguments: numbers)
    func others(number: Int64) async throws {
        try await ChatsProcess.pair { process, _ in
            let anna = ChatsDatabase.user()
            let chat = try await process.group([anna, ChatsDatabase.user()])
            try await process.send("hi", from: anna, to: chat)
            let marker = await answer("read") {
                try await process.members.markRead(
                    MarkRead(userID: anna, chatID: chat, seq: number))
            }
            #expect(marker.map { (0...1).contains($0.readSeq) } != false)
            let reply = await answer("replyTo") {
                let request = SendMessage(
                    senderID: anna, chatID: chat, clientMessageID: ClientMessageID(rawValue: "k"), text: "re", replyTo: number)
                return try await process.sends.send(Draft(request, hash: RequestHash.init(of:)), deadline: .after(.seconds(60)))
            }
            #expect((reply != nil) == (number == 1))
            let limit = Int(truncatingIfNeeded: number)
            _ = await answer("limit") { try await process.history(chat, for: anna, limit: limit) }
            for after in ["\(number).1", "1.\(number)"] {
                _ = await answer("cursor") {
                    try await process.members.list(ListMembers(userID: anna, chatID: chat, limit: 1, after: after))
                }
                _ = await answer("cursor") { try await process.reading.list(ListChats(userID: anna, limit: 1, after: after)) }
            }
            _ = await answer("changedSince") {
                try await process.reading.list(ListChats(userID: anna, limit: 1, changedSince: "c\(number)"))
            }
        }
    }
}
