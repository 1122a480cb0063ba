import Bus
import CBOR
import Contracts
import TestSupport
import Testing

@testable import Chats

@Suite("History") struct HistoryTests {
    /// What the store would find for a range: one more than the limit, in the order of reading.
    func found(_ range: HistoryRange, limit: Int, in messages: [Message]) -> [Message] {
        switch range {
        case .backwards(let before, let floor):
            Array(messages.reversed().filter { $0.seq < before && $0.seq > floor }.prefix(limit + 1))
        case .forwards(let after): Array(messages.filter { $0.seq > after }.prefix(limit + 1))
        case .from(let time, let floor): Array(messages.filter { $0.sentAt >= time && $0.seq > floor }.prefix(limit + 1))
        case .changed(let rev, let floor):
            Array(messages.filter { $0.rev > rev && $0.seq > floor }.sorted { $0.rev < $1.rev }.prefix(limit + 1))
        }
    }

    func page(_ position: GetHistory.Position, limit: Int, floor: Int64 = 0, in messages: [Message]) throws -> Page<Message> {
        let range = try HistoryRange(position, limit: limit, visibleAfter: floor)
        return range.page(found(range, limit: limit, in: messages), limit: limit)
    }

    let ten = (1...10).map { Message.sample(seq: $0) }

    @Test("the newest page is in ascending seq, and its next leads to older ones")
    func newest() throws {
        let first = try page(.newest, limit: 4, in: ten)
        #expect(first.items.map(\.seq) == [7, 8, 9, 10] && first.next == "7")
        let second = try page(.before(seq: 7), limit: 6, in: ten)
        #expect(second.items.map(\.seq) == [1, 2, 3, 4, 5, 6] && second.next == nil)
    }

    @Test("history begins where the reader joined")
    func joined() throws {
        #expect(try page(.newest, limit: 10, floor: 6, in: ten).items.map(\.seq) == [7, 8, 9, 10])
        #expect(try page(.before(seq: 8), limit: 10, floor: 6, in: ten).next == nil)
        #expect(try page(.after(seq: 0), limit: 2, floor: 6, in: ten).items.map(\.seq) == [7, 8])
        #expect(try page(.at(time: Timestamp(0)), limit: 2, floor: 6, in: ten).items.map(\.seq) == [7, 8])
        #expect(try page(.changedAfter(rev: 0), limit: 2, floor: 6, in: ten).items.map(\.seq) == [7, 8])
    }

    @Test("a moment begins with the first message not before it", arguments: [(50, 5), (51, 6), (0, 1)] as [(Int64, Int64)])
    func moment(time: Int64, seq: Int64) throws {
        let found = try page(.at(time: Timestamp(time)), limit: 3, in: ten)
        #expect(found.items.map(\.seq) == [seq, seq + 1, seq + 2] && found.next == String(seq + 2))
    }

    @Test("what changed is paged by rev, and each page is in ascending seq")
    func changed() throws {
        var messages = ten
        messages[1].rev = 30
        messages[8].rev = 20
        let first = try page(.changedAfter(rev: 8), limit: 3, in: messages)
        #expect(first.items.map(\.seq) == [8, 9, 10] && first.next == "20")
        let second = try page(.changedAfter(rev: 20), limit: 3, in: messages)
        #expect(second.items.map(\.seq) == [2] && second.next == nil)
    }

    @Test("positions and limits that cannot be are refused by name")
    func refuses() {
        let wrong: [(GetHistory.Position, Int, String)] = [
            (.newest, 0, "limit"), (.newest, 101, "limit"), (.before(seq: 0), 1, "before"), (.after(seq: -1), 1, "after"),
            (.changedAfter(rev: -1), 1, "changedAfter"),
        ]
        for (position, limit, field) in wrong {
            let error = #expect(throws: ServiceError.self) { try HistoryRange(position, limit: limit, visibleAfter: 0) }
            #expect(error?.fields.map(\.field) == [field])
        }
    }

    @Test("what is kept in memory gives the very page that the store would, or none", arguments: UInt64(1)...100)
    func recent(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let all = (0..<Int.random(in: 0...150, using: &random)).map { Message.sample(seq: Int64($0) + 1) }
        let kept = Int.random(in: 0...all.count, using: &random)
        var recent = try RecentMessages(rev: Int64(kept) + 1, lastSeq: Int64(kept), messages: Array(all.prefix(kept)))
        if kept < all.count, let more = try recent.appending(Array(all[kept...]), rev: Int64(all.count) + 1) { recent = more }
        let stored = Array(all.prefix(Int(recent.lastSeq)))
        var answered = 0
        for _ in 0..<50 {
            let (limit, floor) = (Int.random(in: 1...100, using: &random), Int64.random(in: 0...10, using: &random))
            let seq = Int64.random(in: 1...160, using: &random)
            let positions: [GetHistory.Position] = [
                .newest, .before(seq: seq), .after(seq: seq), .at(time: Timestamp(seq)), .changedAfter(rev: seq),
            ]
            guard let position = positions.randomElement(using: &random) else { continue }
            let range = try HistoryRange(position, limit: limit, visibleAfter: min(floor, recent.lastSeq))
            guard let page = try recent.page(range, limit: limit)?.read() else { continue }
            answered += 1
            #expect(page == range.page(found(range, limit: limit, in: stored), limit: limit))
        }
        #expect(answered > 0)
    }

    @Test("memory takes only what follows without a gap")
    func appending() throws {
        let recent = try RecentMessages(rev: 4, lastSeq: 3, messages: (1...3).map { Message.sample(seq: $0) })
        #expect(try recent.appending([.sample(seq: 4), .sample(seq: 5)], rev: 6)?.seqs() == [1, 2, 3, 4, 5])
        #expect(try recent.appending([.sample(seq: 5)], rev: 6) == nil)
        #expect(try recent.appending([.sample(seq: 4)], rev: 7) == nil)
        #expect(try recent.appending([.sample(seq: 4), .sample(seq: 6)], rev: 7) == nil)
        #expect(try recent.appending([], rev: 4) == nil)
    }

    @Test("memory is bounded in messages and in bytes")
    func bounds() throws {
        let short = (1...200).map { Message.sample(seq: $0) }
        #expect(
            try RecentMessages(rev: 201, lastSeq: 200, messages: short).seqs()
                == Array(200 - Int64(RecentMessages.count) + 1...200))
        let long = (1...10).map { Message.sample(seq: $0, text: String(repeating: "𝄞", count: 8_000)) }
        #expect(try RecentMessages(rev: 11, lastSeq: 10, messages: long).seqs() == [9, 10])
        #expect(
            try RecentMessages(rev: 10, lastSeq: 9, messages: long.dropLast()).appending([long[9]], rev: 11)?.seqs() == [9, 10])
    }

    @Test("what memory keeps is coded as the messages are, so that builds that make values of them read it too")
    func coded() throws {
        struct Kept: Codable {
            var (rev, lastSeq): (Int64, Int64)
            var messages: [Message]
        }
        let recent = try RecentMessages(rev: 11, lastSeq: 10, messages: ten)
        let bytes = try CBOREncoder.contracts.encode(recent)
        let kept = try CBORDecoder.contracts.decode(Kept.self, from: bytes)
        #expect(kept.rev == 11 && kept.lastSeq == 10 && kept.messages == ten)
        #expect(try CBORDecoder.contracts.decode(RecentMessages.self, from: try CBOREncoder.contracts.encode(kept)) == recent)
    }
}

extension RecentMessages {
    fileprivate func seqs() throws -> [Int64] { try HistoryPage(items: messages, next: nil).read().items.map(\.seq) }
}
