import BusTesting
import Contracts
import Edge
import Foundation
import HTTPTypes
import NIOCore
import Testing

@testable import BFF

@Suite("Pages of history") struct HistoryPageTests {
    private static let path = "/v1/chats/5/messages?limit=2"

    @Test("a page is fetched once and then only confirmed")
    func keptPage() async throws {
        let api = TestAPI()
        api.bus.answer(GetHistory.self, Self.page("one"))
        let first = try await api.send(.get, Self.path)
        let second = try await api.send(.get, Self.path)
        #expect(first.body == second.body)
        #expect(second.status == 200)
        #expect(first.json.keys.sorted() == ["items", "next"])
        #expect(second.headers[.eTag] == "\"one\"")
        #expect(api.bus.asked(GetHistory.self).map(\.known) == [PageTag.none, PageTag(rawValue: "one")])
    }

    @Test("a changed page replaces the cached one")
    func changedPage() async throws {
        let api = TestAPI()
        api.bus.answer(GetHistory.self, Self.page("one"))
        _ = try await api.send(.get, Self.path)
        api.bus.answer(GetHistory.self, Self.page("two"))
        let changed = try await api.send(.get, Self.path)
        #expect(changed.headers[.eTag] == "\"two\"")
        #expect(((changed.json["items"] as? [[String: Any]])?.first?["text"] as? String) == "two")
        _ = try await api.send(.get, Self.path)
        #expect(api.bus.asked(GetHistory.self).last?.known == PageTag(rawValue: "two"))
    }

    @Test("a caller without access gets nothing from the cache")
    func refused() async throws {
        let api = TestAPI()
        api.bus.answer(GetHistory.self, Self.page("one"))
        _ = try await api.send(.get, Self.path)
        api.bus.answer(GetHistory.self) { _ in throw ServiceError(.notFound, "no such chat") }
        let answer = try await api.send(.get, Self.path)
        #expect(answer.status == 404)
        #expect(answer.code == "notFound")
    }

    @Test("another position or limit is another page")
    func places() async throws {
        let api = TestAPI()
        api.bus.answer(GetHistory.self, Self.page("one"))
        for query in ["limit=2", "limit=3", "limit=2&before=9", "limit=2&after=9"] {
            _ = try await api.send(.get, "/v1/chats/5/messages?\(query)")
        }
        _ = try await api.send(.get, "/v1/chats/6/messages?limit=2")
        #expect(api.bus.asked(GetHistory.self).allSatisfy { $0.known == PageTag.none })
    }

    @Test("a client that has the page gets 304, whether or not it is cached", arguments: [true, false])
    func notModified(isKept: Bool) async throws {
        let api = TestAPI()
        api.bus.answer(GetHistory.self, Self.page("one"))
        if isKept { _ = try await api.send(.get, Self.path) }
        let answer = try await api.send(.get, Self.path, headers: [.ifNoneMatch: "\"one\""])
        #expect(answer.status == 304)
        #expect(answer.body.isEmpty)
        #expect(answer.headers[.eTag] == "\"one\"")
        let stale = try await api.send(.get, Self.path, headers: [.ifNoneMatch: "\"other\""])
        #expect(stale.status == 200)
        #expect(!stale.body.isEmpty)
    }

    @Test("a page without a tag, from the previous release of chats, is passed on and not cached")
    func untagged() async throws {
        let api = TestAPI()
        api.bus.answer(GetHistory.self) { _ in GetHistory.Response(items: [Self.message("x")]) }
        for _ in 0..<2 {
            let answer = try await api.send(.get, Self.path)
            #expect(answer.json.keys.sorted() == ["items"])
            #expect(answer.headers[.eTag] == nil)
        }
        #expect(api.bus.asked(GetHistory.self).allSatisfy { $0.known == PageTag.none })
    }

    @Test("the cache is bounded in bytes and keeps recently used pages")
    func bounded() {
        let pages = HistoryPageCache(bytes: 20_000)
        let body = ByteBuffer(repeating: 0x20, count: 1_000)
        func key(_ number: Int) -> HistoryPageKey {
            HistoryPageKey(chatID: ChatID(rawValue: 1), position: .before(seq: Int64(number)), limit: 50)
        }
        for number in 1...100 {
            pages.insert(
                HistoryPage(tag: PageTag(rawValue: "\(number)"), response: APIResponse(.ok, body: body)), for: key(number))
            _ = pages[key(1)]
        }
        let kept = (1...100).filter { pages[key($0)] != nil }
        #expect(kept.contains(1))
        #expect(kept.contains(100))
        #expect(kept.count <= 13)
        pages.insert(
            HistoryPage(
                tag: PageTag(rawValue: "large"), response: APIResponse(.ok, body: ByteBuffer(repeating: 0, count: 20_000))),
            for: key(101))
        #expect(pages[key(101)] == nil)
    }

    /// Answers as `chats` does when this is the present page.
    private static func page(_ tag: String) -> @Sendable (GetHistory) async throws -> GetHistory.Response {
        { request in
            let tag = PageTag(rawValue: tag)
            if request.known == tag { return GetHistory.Response(tag: tag, unchanged: true, items: []) }
            return GetHistory.Response(tag: tag, items: [message(tag.rawValue)], next: "7")
        }
    }

    private static func message(_ text: String) -> Message {
        Message(
            id: MessageID(rawValue: 1), chatID: ChatID(rawValue: 5), seq: 7, rev: 7, senderID: UserID(rawValue: 1),
            clientMessageID: ClientMessageID(rawValue: "key"), text: text, sentAt: Timestamp(millisecondsSinceEpoch: 0))
    }
}
