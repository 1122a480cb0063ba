import Contracts
import Testing

@testable import Chats

@Suite("NewChat a chat") struct NewChatTests {
    func ids(_ numbers: Int64...) -> [UserID] { numbers.map(UserID.init(rawValue:)) }

    func fields(_ kind: ChatKind, _ title: String?, _ members: [UserID], key: String? = nil) -> [String] {
        do {
            _ = try NewChat(
                CreateChat(creatorID: UserID(rawValue: 1), kind: kind, title: title, members: members, idempotencyKey: key))
            return []
        } catch { return error.fields.map(\.field) }
    }

    @Test("a direct chat is of two people and has no title")
    func direct() {
        #expect(fields(.direct, nil, ids(2)) == [])
        #expect(fields(.direct, nil, ids(1)) == ["members"])
        #expect(fields(.direct, nil, []) == ["members"])
        #expect(fields(.direct, nil, ids(2, 3)) == ["members"])
        #expect(fields(.direct, nil, ids(2, 1)) == ["members"])
        #expect(fields(.direct, "us", ids(2)) == ["title"])
    }

    @Test("a group has a title and 1 to 999 others")
    func group() {
        #expect(fields(.group, "t", ids(2)) == [])
        #expect(fields(.group, "t", (2...1_000).map(UserID.init(rawValue:))) == [])
        #expect(fields(.group, "t", (2...1_001).map(UserID.init(rawValue:))) == ["members"])
        #expect(fields(.group, "t", ids(1, 1)) == ["members"])
        #expect(fields(.group, nil, ids(2)) == ["title"])
        #expect(fields(.group, "", []) == ["title", "members"])
        #expect(fields(.group, String(repeating: "t", count: 201), ids(2)) == ["title"])
        #expect(fields(.group, "t", ids(2), key: "") == ["Idempotency-Key"])
        #expect(fields(.group, "t", ids(2), key: String(repeating: "k", count: 129)) == ["Idempotency-Key"])
    }

    @Test("everybody counts once, the creator among them")
    func once() throws {
        let newChat = try NewChat(CreateChat(creatorID: UserID(rawValue: 1), kind: .group, title: "t", members: ids(3, 2, 3, 1)))
        #expect(newChat.others == ids(2, 3))
    }

    @Test("nobody is added who does not exist, or who has blocked the creator")
    func checks() throws {
        let newChat = try NewChat(CreateChat(creatorID: UserID(rawValue: 1), kind: .group, title: "t", members: ids(2, 3)))
        try newChat.check(known: Set(ids(1, 2, 3)))
        try newChat.check(blockers: Set(ids(1, 4)))
        let unknown = #expect(throws: ServiceError.self) { try newChat.check(known: Set(ids(3))) }
        #expect(unknown?.code == .invalid && unknown?.fields.map(\.field) == ["members"])
        let blocked = #expect(throws: ServiceError.self) { try newChat.check(blockers: Set(ids(3))) }
        #expect(blocked?.code == .denied && blocked?.message.contains("3") == true)
    }

    @Test("a pair is the same pair from both sides")
    func pair() {
        #expect(Pair(UserID(rawValue: 9), UserID(rawValue: 2)) == Pair(UserID(rawValue: 2), UserID(rawValue: 9)))
    }
}
