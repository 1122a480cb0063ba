import Contracts
import Testing

@testable import Chats

@Suite("New chats") struct NewChatTests {
    func ids(_ numbers: Int64...) -> [UserID] { numbers.map(UserID.init(rawValue:)) }

    func fields(_ kind: ChatKind, title: String?, members: [UserID], key: String? = nil) -> [String] {
        do {
            _ = try NewChat(
                CreateChat(creatorID: UserID(rawValue: 1), kind: kind, title: title, members: members, idempotencyKey: key))
            return []
        } catch { return error.fields.map(\.field) }
    }

    @Test("a direct chat has two members and no title")
    func direct() {
        #expect(fields(.direct, title: nil, members: ids(2)) == [])
        #expect(fields(.direct, title: nil, members: ids(1)) == ["members"])
        #expect(fields(.direct, title: nil, members: []) == ["members"])
        #expect(fields(.direct, title: nil, members: ids(2, 3)) == ["members"])
        #expect(fields(.direct, title: nil, members: ids(2, 1)) == ["members"])
        #expect(fields(.direct, title: "us", members: ids(2)) == ["title"])
    }

    @Test("a group has a title and 1 to 999 other members")
    func group() {
        #expect(fields(.group, title: "t", members: ids(2)) == [])
        #expect(fields(.group, title: "t", members: (2...1_000).map(UserID.init(rawValue:))) == [])
        #expect(fields(.group, title: "t", members: (2...1_001).map(UserID.init(rawValue:))) == ["members"])
        #expect(fields(.group, title: "t", members: ids(1, 1)) == ["members"])
        #expect(fields(.group, title: nil, members: ids(2)) == ["title"])
        #expect(fields(.group, title: "", members: []) == ["title", "members"])
        #expect(fields(.group, title: String(repeating: "t", count: 201), members: ids(2)) == ["title"])
        #expect(fields(.group, title: "t", members: ids(2), key: "") == ["Idempotency-Key"])
        #expect(fields(.group, title: "t", members: ids(2), key: String(repeating: "k", count: 129)) == ["Idempotency-Key"])
    }

    @Test("duplicate members count once, including the creator")
    func once() throws {
        let newChat = try NewChat(CreateChat(creatorID: UserID(rawValue: 1), kind: .group, title: "t", members: ids(3, 2, 3, 1)))
        #expect(newChat.others == ids(2, 3))
    }

    @Test("users who do not exist or have blocked the creator cannot be added")
    func checks() throws {
        let newChat = try NewChat(CreateChat(creatorID: UserID(rawValue: 1), kind: .group, title: "t", members: ids(2, 3)))
        try newChat.check(known: Set(ids(1, 2, 3)))
        try newChat.check(blockers: Set(ids(1, 4)))
        let unknown = #expect(throws: ServiceError.self) { try newChat.check(known: Set(ids(3))) }
        #expect(unknown?.code == .invalid && unknown?.fields.map(\.field) == ["members"])
        let blocked = #expect(throws: ServiceError.self) { try newChat.check(blockers: Set(ids(3))) }
        #expect(blocked?.code == .denied && blocked?.message.contains("3") == true)
    }
}
