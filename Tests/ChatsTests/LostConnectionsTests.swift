import Contracts
import Postgres
import TestSupport
import Testing

@testable import Chats

@Suite("Sends over failing connections", .timeLimit(.minutes(5))) struct LostConnectionsTests {
    /// Repeats a send until it is answered, as a client does.
    func insist(_ key: String, from user: UserID, to chat: ChatID, through process: ChatsProcess) async throws -> Message {
        try await eventually("an answer") {
            do {
                return try await process.send("text of \(key)", from: user, to: chat, key: key).message
            } catch let error as ServiceError where [.unavailable, .unknownOutcome, .deadlineExceeded].contains(error.code) {
                return nil
            }
        }
    }

    @Test("under lost connections, an answered send is stored once, as answered, and seq is dense")
    func terminated() async throws {
        let name = TestStack.uniqueName("broken")
        try await ChatsProcess.pair(configure: { $0.applicationName = name }) { one, other in
            let users = [ChatsDatabase.user(), ChatsDatabase.user()]
            let chats = [try await one.group(users), try await one.group(users)]
            let answers = try await withThrowingTaskGroup(of: [Message].self) { group in
                for sender in 0..<12 {
                    group.addTask {
                        var answers: [Message] = []
                        for number in 0..<8 {
                            let process = sender.isMultiple(of: 2) ? one : other
                            answers.append(
                                try await insist(
                                    "\(sender)/\(number)", from: users[sender % 2], to: chats[(sender + number) % 2],
                                    through: process))
                        }
                        return answers
                    }
                }
                group.addTask {
                    // On a separate pool, which stays connected.
                    try await ChatsDatabase.with { killer in
                        var killed = 0
                        for _ in 0..<40 {
                            killed += try await killer.pool.query(
                                """
                                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                                WHERE application_name = \(name) AND random() < 0.3
                                """
                            ).count
                        }
                        #expect(killed > 0)
                        return []
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(answers.count == 96)
            for chat in chats {
                let stored = try await eventually("the database") { try? await one.database.page(chat, .newest).items }
                #expect(stored.map(\.seq) == Array(1...48))
                #expect(Set(stored) == Set(answers.filter { $0.chatID == chat }))
            }
        }
    }
}
