import StackTesting
import Synchronization
import TestSupport

/// Simulated users who send messages in several chats continuously. Each message is repeated with its key
/// until it succeeds, through alternating bff instances.
final class Conversation: Sendable {
    struct Chat: Sendable {
        let id: String
        /// A member since the creation of the chat.
        let owner: Person
    }

    private struct State {
        var acknowledged: Set<Message> = []
        var refusals = 0
        var isOver = false
    }

    let chats: [Chat]
    private let speakers: [(person: Person, chats: [String])]
    private let apis: [API]
    private let state = Mutex(State())

    /// Registers `people` users and puts three of them into each of `chats` chats.
    ///
    /// - Parameter apis: the bff instances.
    init(people count: Int = 6, chats chatCount: Int = 4, over apis: [API]) async throws {
        var people: [Person] = []
        for _ in 0..<count { people.append(try await Person.new("speaker", api: apis[0])) }
        var (opened, rooms): ([Chat], [[String]]) = ([], people.map { _ in [] })
        for first in 0..<chatCount {
            let members = (first..<(first + 3)).map { $0 % count }
            let id = try await people[members[0]].group("Chat \(first)", with: members.dropFirst().map { people[$0] })
            opened.append(Chat(id: id, owner: people[members[0]]))
            for member in members { rooms[member].append(id) }
        }
        chats = opened
        speakers = Array(zip(people, rooms)).map { ($0, $1) }.filter { !$0.1.isEmpty }
        self.apis = apis
    }

    var acknowledged: Set<Message> { state.withLock { $0.acknowledged } }
    /// The number of failed attempts.
    var refusals: Int { state.withLock { $0.refusals } }

    /// Sends messages while `body` runs.
    func during(isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup { group in
            for number in speakers.indices { group.addTask { try await self.speak(number) } }
            defer { state.withLock { $0.isOver = true } }
            try await body()
            state.withLock { $0.isOver = true }
            try await group.waitForAll()
        }
    }

    /// Waits until more messages are acknowledged than at the call.
    func waitForProgress() async throws {
        let before = state.withLock { $0.acknowledged.count }
        _ = try await eventually("more messages") { state.withLock { $0.acknowledged.count > before + 8 ? true : nil } }
    }

    private func speak(_ number: Int) async throws {
        var (person, chats) = speakers[number]
        for turn in 0... {
            if state.withLock({ $0.isOver }) { return }
            let (chat, key) = (chats[turn % chats.count], "\(number)-\(turn)")
            var attempt = number + turn
            let answer = try await eventually("an answer") {
                person.api = apis[attempt % apis.count]
                attempt += 1
                return try await sendMessage(key, in: chat, as: &person)
            }
            state.withLock {
                _ = $0.acknowledged.insert(Message(chat: chat, seq: answer.number("seq"), id: answer.text("id"), key: key))
            }
        }
    }

    /// Sends a message; returns `nil` to repeat it. Logs in again when the token has expired, after a quarter
    /// of an hour.
    private func sendMessage(_ key: String, in chat: String, as person: inout Person) async throws -> API.Response? {
        let answer = try? await person.sendMessage("message \(key)", in: chat, key: key)
        if let answer, [200, 201].contains(answer.status) { return answer }
        state.withLock { $0.refusals += 1 }
        if answer?.status == 401, let again = try? await Person.logIn(person.username, api: person.api) { person = again }
        // Outages end; a permanent rejection must not be hidden by retries.
        if let answer, answer.status < 500, ![401, 429].contains(answer.status) { try answer.expectStatus(201) }
        return nil
    }
}
