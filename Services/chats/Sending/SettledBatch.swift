import Contracts

/// What became of a batch, before the caches are told of it and its senders answered.
struct SettledBatch: Sendable {
    typealias Answer = Result<SendMessage.Response, ServiceError>

    /// One for each draft, in their order.
    private(set) var answers: [Answer] = []
    /// The `rev`s that no cache may lag behind.
    private(set) var revs: [ChatID: Int64] = [:]
    /// Those that were stored just now, each chat's in ascending `seq`.
    private(set) var messages: [Message] = []
    /// Chats in which something may have been stored, nobody knows what.
    private(set) var doubts: Set<ChatID> = []

    /// Of nobody.
    init() {}

    /// Committed. Repeats count as news: whoever stored them may have died before telling.
    ///
    /// - Parameter ids: those that the drafts had. What is found under its own id was stored by an earlier try of this very batch, and is no repeat.
    init(_ decision: SendBatch.Decision, ids: [MessageID]) {
        answers = zip(decision.outcomes, ids).map(Answer.init)
        revs = decision.chats.mapValues(\.rev)
        messages = decision.inserts.map(\.message)
        for case .repeated(let message) in decision.outcomes {
            revs[message.chatID] = max(revs[message.chatID] ?? 0, message.rev)
        }
    }

    /// All failed for one reason.
    init(_ drafts: [Draft], failed error: ServiceError) {
        answers = drafts.map { _ in .failure(error) }
        if error.mayHaveHappened { doubts = Set(drafts.map(\.key.chatID)) }
    }

    /// Puts the parts of a batch together again.
    ///
    /// - Parameter parts: with the places of their drafts.
    init(_ parts: [(places: [Int], batch: SettledBatch)]) {
        answers = parts.flatMap { zip($0.places, $0.batch.answers) }.sorted { $0.0 < $1.0 }.map(\.1)
        for (_, part) in parts {
            revs.merge(part.revs, uniquingKeysWith: max)
            doubts.formUnion(part.doubts)
            messages += part.messages
        }
    }
}

extension SettledBatch.Answer {
    fileprivate init(_ outcome: SendBatch.Outcome, id: MessageID) {
        switch outcome {
        case .stored(let message): self = .success(SendMessage.Response(message: message, repeated: false))
        case .repeated(let message): self = .success(SendMessage.Response(message: message, repeated: message.id != id))
        case .refused(let error): self = .failure(error)
        }
    }
}
