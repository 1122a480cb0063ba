import Contracts

/// The outcome of a batch: the answers for its senders and the changes for the caches.
struct SettledBatch: Sendable {
    typealias Answer = Result<SendMessage.Response, ServiceError>

    /// One answer per draft, in the order of the drafts.
    private(set) var answers: [Answer] = []
    /// The `rev` that every cached copy of a chat must have reached.
    private(set) var revs: [ChatID: Int64] = [:]
    /// The messages that this batch stored, ascending by `seq` within each chat.
    private(set) var messages: [Message] = []
    /// The chats in which messages may have been stored.
    private(set) var uncertainChats: Set<ChatID> = []

    /// Creates the outcome of an empty batch.
    init() {}

    /// Creates the outcome of a commit.
    ///
    /// Repeats count as changes: the process that stored them may have died before it updated the caches.
    ///
    /// - Parameter ids: the ids that were assigned to the drafts. A message that is found under its own id
    ///   was stored by an earlier attempt of this batch and is not a repeat.
    init(_ decision: SendBatch.Decision, ids: [MessageID]) {
        answers = zip(decision.outcomes, ids).map(Answer.init)
        revs = decision.chats.mapValues(\.rev)
        messages = decision.inserts.map(\.message)
        for case .repeated(let message) in decision.outcomes {
            revs[message.chatID] = max(revs[message.chatID] ?? 0, message.rev)
        }
    }

    /// Creates the outcome of drafts that all failed with `error`.
    init(_ drafts: [Draft], failed error: ServiceError) {
        answers = drafts.map { _ in .failure(error) }
        if error.mayHaveHappened { uncertainChats = Set(drafts.map(\.key.chatID)) }
    }

    /// Combines the outcomes of the pieces of a divided batch.
    ///
    /// - Parameter pieces: each with the indices of its drafts in the whole batch.
    init(_ pieces: [(indices: [Int], batch: SettledBatch)]) {
        answers = pieces.flatMap { zip($0.indices, $0.batch.answers) }.sorted { $0.0 < $1.0 }.map(\.1)
        for (_, piece) in pieces {
            revs.merge(piece.revs, uniquingKeysWith: max)
            uncertainChats.formUnion(piece.uncertainChats)
            messages += piece.messages
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
