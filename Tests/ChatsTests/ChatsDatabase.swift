import AMQP
import Bus
import Contracts
import Logging
import Postgres
import PostgresTesting
import Synchronization
import TestSupport

@testable import Chats

/// The stores of chats on a schema of one test, with helpers for chats and messages.
struct ChatsDatabase: Sendable {
    let pool: PostgresPool
    let outbox: Outbox
    let sends: SendStore
    let newChats: NewChatStore
    let members: MemberStore
    let markers: MarkerStore
    let views: ChatViewStore
    let history: HistoryStore

    /// Provides a migrated database and drops it afterwards.
    static func with<Result>(
        configure: (inout PostgresConfiguration) -> Void = { _ in }, _ body: (ChatsDatabase) async throws -> Result
    ) async throws -> Result {
        try await TestDatabase.with(configure: configure) { pool in
            _ = try await Migrator(ChatsMigrations.all(), pool.configuration, logger: .quiet).run()
            return try await body(ChatsDatabase(on: pool))
        }
    }

    /// Creates the stores of another process on the same database.
    init(on pool: PostgresPool) {
        self.pool = pool
        // This bus never runs: events stay in their table.
        let bus = Bus(
            BusConfiguration(
                service: .chats, instance: "test",
                endpoint: AMQPEndpoint(host: "", port: 0, vhost: "", user: "", password: "", connectionName: "test")),
            on: ChatsProcess.io, logger: .quiet)
        outbox = Outbox(pool, bus: bus, logger: .quiet)
        // Waits in these tests are for other transactions of the same test, on a busy machine.
        let transactions = MembershipTransactions(pool, wait: .seconds(60), lockTimeout: .seconds(60))
        sends = SendStore(database: pool, outbox: outbox, lockTimeout: .seconds(60))
        newChats = NewChatStore(database: pool, transactions: transactions, outbox: outbox)
        members = MemberStore(database: pool, transactions: transactions, outbox: outbox)
        markers = MarkerStore(database: pool, outbox: outbox)
        views = ChatViewStore(database: pool)
        history = HistoryStore(database: pool)
    }

    /// Provides the stores of another process on the same database.
    func another<Result>(_ body: (ChatsDatabase) async throws -> Result) async throws -> Result {
        try await TestDatabase.running(pool.configuration) { try await body(ChatsDatabase(on: $0)) }
    }

    private static let lastID = Mutex<Int64>(1_000)

    /// Returns an id that no other test uses.
    static func id() -> Int64 {
        lastID.withLock { id in
            id += 1
            return id
        }
    }

    static func user() -> UserID { UserID(rawValue: id()) }

    static var soon: ContinuousClock.Instant { .now + .seconds(60) }

    /// Creates a group with `users[0]` as its owner.
    func group(_ users: [UserID], title: String = "group") async throws -> ChatID {
        try await open(CreateChat(creatorID: users[0], kind: .group, title: title, members: Array(users.dropFirst())))
    }

    func direct(_ one: UserID, _ other: UserID) async throws -> ChatID {
        try await open(CreateChat(creatorID: one, kind: .direct, members: [other]))
    }

    private func open(_ request: CreateChat) async throws -> ChatID {
        let (newChat, id) = (try NewChat(request), ChatID(rawValue: Self.id()))
        try await newChats.indexMemberships(of: newChat.members.map(\.userID), in: id)
        _ = try await newChats.create(newChat, id: id, hash: RequestHash(of: newChat), deadline: Self.soon)
        return id
    }

    @discardableResult
    func send(_ drafts: [Draft]) async throws -> SendBatch.Decision {
        try await sends.commit(drafts, ids: drafts.map { _ in MessageID(rawValue: Self.id()) }, deadline: Self.soon)
    }

    /// Sends one message and returns it as stored.
    @discardableResult
    func send(_ text: String = "hi", from sender: UserID, to chat: ChatID, key: String? = nil) async throws -> Message {
        let outcome = try await send([.sample(in: chat, from: sender, key ?? "key \(Self.id())", text)]).outcomes[0]
        if case .refused(let error) = outcome { throw error }
        guard let message = outcome.message else { throw ServiceError(.internal, "no message") }
        return message
    }

    func block(_ user: UserID, _ other: UserID, blocked: Bool = true, rev: Int64 = 1) async throws {
        try await pool.execute(BlockStore.apply(BlockChanged(userID: user, otherID: other, blocked: blocked, rev: rev)))
    }

    func page(_ chat: ChatID, _ position: GetHistory.Position, limit: Int = 100, after floor: Int64 = 0) async throws -> Page<
        Message
    > {
        let range = try HistoryRange(position, limit: limit, visibleAfter: floor)
        return range.page(try await history.messages(of: chat, range, limit: limit + 1), limit: limit)
    }
}

extension Logger {
    /// A logger that discards everything.
    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
