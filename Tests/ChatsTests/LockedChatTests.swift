import Contracts
import Postgres
import ServiceKit
import TestSupport
import Testing

@testable import Chats

/// A chat whose row is locked by another transaction, of a frozen process or of an operator with psql.
@Suite("A locked chat", .timeLimit(.minutes(5))) struct LockedChatTests {
    /// Holds the lock of the chat's row while `body` runs.
    func holding<Result: Sendable>(
        _ chat: ChatID, of database: ChatsDatabase, _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await database.another { other in
            try await other.pool.transaction { transaction in
                try await transaction.execute("SELECT id FROM chats WHERE id = \(chat) FOR UPDATE")
                return try await body()
            }
        }
    }

    @Test("its sends are unavailable until the lock is released, and all other sends are stored")
    func sends() async throws {
        try await ChatsDatabase.with { database in
            let anna = ChatsDatabase.user()
            var chats: [ChatID] = []
            for _ in 0..<3 { chats.append(try await database.group([anna, ChatsDatabase.user()])) }
            let drafts = (0..<9).map { Draft.sample(in: chats[$0 % 3], from: anna, "\($0)") }
            var store = database.sends
            store.lockTimeout = .milliseconds(50)
            let committer = BatchCommitter(
                nextIDs: { (0..<$0).map { _ in MessageID(rawValue: ChatsDatabase.id()) } },
                commit: { [store] in try await store.commit($0, ids: $1, deadline: $2) }, updateCaches: { _ in })
            let settled = try await holding(chats[1], of: database) {
                await committer.settle(drafts, deadline: ChatsDatabase.soon)
            }
            for (index, answer) in settled.answers.enumerated() {
                #expect(answer.code == (index % 3 == 1 ? .unavailable : nil))
            }
            #expect(settled.uncertainChats.isEmpty)
            let later = await committer.settle(drafts, deadline: ChatsDatabase.soon)
            #expect(try later.answers.map { try $0.get().repeated } == (0..<9).map { $0 % 3 != 1 })
        }
    }

    @Test("further changes of a locked chat are unavailable")
    func changes() async throws {
        try await ChatsDatabase.with { database in
            let (anna, ben) = (ChatsDatabase.user(), ChatsDatabase.user())
            let chat = try await database.group([anna, ben])
            let members = MemberStore(
                database: database.pool, transactions: MembershipTransactions(database.pool, lockTimeout: .milliseconds(50)),
                outbox: database.outbox)
            try await holding(chat, of: database) {
                let error = await #expect(throws: PostgresError.self) {
                    try await members.rename(
                        UpdateChat(userID: anna, chatID: chat, title: "new"), deadline: ChatsDatabase.soon)
                }
                #expect(error.map { ServiceError($0).code } == .unavailable)
            }
        }
    }

    @Test("any number of changes that wait for a locked chat leave connections for sends to other chats")
    func connections() async throws {
        let name = TestStack.uniqueName("held")
        try await ChatsDatabase.with(configure: { $0.applicationName = name }) { database in
            let anna = ChatsDatabase.user()
            let held = try await database.group([anna, ChatsDatabase.user()])
            let free = try await database.group([anna, ChatsDatabase.user()])
            let renames = try await holding(held, of: database) {
                let renames = (0..<8).map { number in
                    Task {
                        try await database.members.rename(
                            UpdateChat(userID: anna, chatID: held, title: "\(number)"), deadline: ChatsDatabase.soon)
                    }
                }
                try await eventually("two that wait") {
                    let waiting = try await database.pool.one(
                        """
                        SELECT count(*) FROM pg_stat_activity WHERE application_name = \(name) AND wait_event_type = 'Lock'
                        """, as: Int.self)
                    return waiting == 2 ? () : nil
                }
                #expect(try await database.send(from: anna, to: free).seq == 1)
                return renames
            }
            for rename in renames { #expect(try await rename.value) }
        }
    }
}
