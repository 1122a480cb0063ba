import Bus
import CBOR
import Contracts
import Logging
import Postgres
import PostgresTesting
import Reactor
import Redis
import TestSupport

@testable import Chats

/// All of a chats process but the bus: its own connections to the database and to Redis, its own memory.
struct ChatsProcess: Sendable {
    static let io = IOThread(name: "test-chats")
    /// Users from here on do not exist.
    static let unknown = UserID(rawValue: 1 << 40)

    let database: ChatsDatabase
    let caches: ChatCaches
    let reading: ReadingAnswers
    let openings: OpeningAnswers
    let members: MemberAnswers
    let sends: SendBatcher

    private init(_ database: ChatsDatabase, redis: RedisClient, prefix: String) {
        self.database = database
        let caches = ChatCaches(history: database.history, redis: redis, prefix: prefix, on: Self.io, attention: .seconds(60)) {
            _ in
        }
        let people = People { ids in Set(ids.filter { $0 < Self.unknown }) }
        self.caches = caches
        reading = ReadingAnswers(views: database.views, history: database.history, caches: caches)
        openings = OpeningAnswers(
            store: database.openings, views: database.views, caches: caches, people: people,
            nextID: { ChatID(rawValue: ChatsDatabase.id()) })
        members = MemberAnswers(
            store: database.members, opening: database.openings, markers: database.markers, views: database.views, caches: caches,
            people: people)
        sends = SendBatcher(
            BatchCommitter(
                nextIDs: { count in (0..<count).map { _ in MessageID(rawValue: ChatsDatabase.id()) } },
                commit: { try await database.sends.commit($0, ids: $1, deadline: $2) }, tell: { await caches.note($0) }),
            on: Self.io)
    }

    /// Lends two processes of one service.
    static func pair<Result: Sendable>(
        redis isThere: Bool = true, configure: (inout PostgresConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (ChatsProcess, ChatsProcess) async throws -> Result
    ) async throws -> Result {
        let prefix = TestStack.uniqueName("chats") + ":"
        return try await ChatsDatabase.with(configure: configure) { first in
            try await first.another { second in
                try await one(first, prefix, isThere) { one in
                    try await Self.one(second, prefix, isThere) { other in try await body(one, other) }
                }
            }
        }
    }

    private static func one<Result: Sendable>(
        _ database: ChatsDatabase, _ prefix: String, _ redisIsThere: Bool,
        _ body: @escaping @Sendable (ChatsProcess) async throws -> Result
    ) async throws -> Result {
        var endpoint = RedisEndpoint(host: TestStack.redis.host, port: TestStack.redis.port)
        (endpoint.commandTimeout, endpoint.stallTimeout, endpoint.connectTimeout) = (.seconds(30), .seconds(30), .seconds(30))
        let redis = RedisClient(endpoint, on: io, logger: .quiet)
        let process = ChatsProcess(database, redis: redis, prefix: prefix)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            if redisIsThere {
                group.addTask { try await redis.run() }
                _ = try await eventually("connecting") { redis.isAvailable ? true : nil }
            }
            group.addTask { await process.sends.run() }
            defer { group.cancelAll() }
            return try await body(process)
        }
    }

    // MARK: As callers do

    func create(_ kind: ChatKind, by user: UserID, with members: [UserID], title: String? = nil, key: String? = nil) async throws
        -> CreateChat.Response
    {
        let request = CreateChat(creatorID: user, kind: kind, title: title, members: members, idempotencyKey: key)
        return try await openings.create(request, deadline: ChatsDatabase.soon)
    }

    func group(_ users: [UserID]) async throws -> ChatID {
        try await create(.group, by: users[0], with: Array(users.dropFirst()), title: "group").chat.id
    }

    @discardableResult
    func send(_ text: String, from user: UserID, to chat: ChatID, key: String? = nil) async throws -> SendMessage.Response {
        let request = SendMessage(
            senderID: user, chatID: chat, clientMessageID: ClientMessageID(rawValue: key ?? "key \(ChatsDatabase.id())"),
            text: text)
        return try await sends.send(Draft(request, hash: RequestHash.init(of:)), deadline: .after(.seconds(60)))
    }

    /// As a caller reads it.
    func history(
        _ chat: ChatID, for user: UserID, _ position: GetHistory.Position = .newest, limit: Int = 50, known: PageTag? = nil
    ) async throws -> GetHistory.Response {
        let request = GetHistory(userID: user, chatID: chat, position: position, limit: limit, known: known)
        return try CBORDecoder.contracts.decode(
            GetHistory.Response.self, from: try CBOREncoder.contracts.encode(try await reading.history(request)))
    }

    func set(_ member: UserID, _ role: ChatRole = .member, in chat: ChatID, by user: UserID) async throws -> SetMember.Response {
        try await members.set(
            SetMember(userID: user, chatID: chat, memberID: member, role: role), deadline: ChatsDatabase.soon)
    }

    func remove(_ member: UserID, from chat: ChatID, by user: UserID) async throws {
        _ = try await members.remove(RemoveMember(userID: user, chatID: chat, memberID: member), deadline: ChatsDatabase.soon)
    }
}
