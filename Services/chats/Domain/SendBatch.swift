import Contracts

/// A message in the database, with the hash of the request that stored it.
struct StoredMessage: Hashable, Sendable {
    var message: Message
    var hash: RequestHash
}

/// Decides on the sends of one commit.
///
/// The state was read under the locks of all affected chats and stays true until the commit. A send does not
/// depend on the outcome of the others, except for its place in the chat's order and for repeats of its key.
struct SendBatch: Sendable {
    /// The state of a chat, from its locked row.
    struct ChatState: Hashable, Sendable {
        var kind: ChatKind
        var lastSeq: Int64
        var rev: Int64
        var lastSentAt: Timestamp?
    }

    enum Outcome: Hashable, Sendable {
        /// The message is new.
        case stored(Message)
        /// An earlier send with the same key stored the message, in this batch or before.
        case repeated(Message)
        case refused(ServiceError)
    }

    struct Decision: Sendable {
        /// One outcome per draft, in the order of the drafts.
        var outcomes: [Outcome]
        /// The messages to store, ascending by `seq` within each chat.
        var inserts: [StoredMessage]
        /// The new state of the chats that receive messages. `lastSentAt` is also the time of their last
        /// change.
        var chats: [ChatID: ChatState]
    }

    var chats: [ChatID: ChatState]
    /// The memberships of the senders, including past ones.
    var members: [MemberKey: Membership]
    /// The senders whom the other member of a direct chat has blocked.
    var blocked: Set<MemberKey>
    /// The messages that earlier sends stored under the keys of the drafts.
    var repeats: [SendKey: StoredMessage]
    /// The time of the database's clock, read under the locks. All processes share this clock.
    var now: Timestamp

    /// - Parameter ids: at least one id per draft, ascending. The ids of refused and repeated drafts stay
    ///   unused.
    func decide(_ drafts: [Draft], ids: [MessageID]) -> Decision {
        var decision = Decision(outcomes: [], inserts: [], chats: [:])
        var firsts: [SendKey: StoredMessage] = [:]
        decision.outcomes.reserveCapacity(drafts.count)
        for (draft, id) in zip(drafts, ids) {
            guard var chat = decision.chats[draft.key.chatID] ?? chats[draft.key.chatID] else {
                decision.outcomes.append(.refused(.noSuchChat))
                continue
            }
            if let first = repeats[draft.key] ?? firsts[draft.key] {
                decision.outcomes.append(repetition(of: first, by: draft))
            } else if let refusal = refusal(of: draft, in: chat) {
                decision.outcomes.append(.refused(refusal))
            } else {
                let stored = StoredMessage(message: chat.append(draft, id: id, now: now), hash: draft.hash)
                decision.chats[draft.key.chatID] = chat
                firsts[draft.key] = stored
                decision.inserts.append(stored)
                decision.outcomes.append(.stored(stored.message))
            }
        }
        return decision
    }

    /// Precedes every other check: a repeat of an accepted send always receives the first answer.
    private func repetition(of first: StoredMessage, by draft: Draft) -> Outcome {
        if first.hash == draft.hash { return .repeated(first.message) }
        return .refused(.invalid("clientMessageId", "was used for a different message in this chat; choose a new one"))
    }

    private func refusal(of draft: Draft, in chat: ChatState) -> ServiceError? {
        let sender = MemberKey(chatID: draft.key.chatID, userID: draft.key.senderID)
        guard let member = members[sender], member.isPresent else { return .noSuchChat }
        if blocked.contains(sender) { return .messagesDenied }
        if let replyTo = draft.replyTo, !member.sees(seq: replyTo) || replyTo > chat.lastSeq {
            return .invalid("replyTo", "must be the seq of a message that you can see")
        }
        return nil
    }
}

extension SendBatch.ChatState {
    /// Assigns the next `seq` and `rev` to the draft. `sentAt` never decreases along `seq`, even if the clock
    /// steps back.
    fileprivate mutating func append(_ draft: Draft, id: MessageID, now: Timestamp) -> Message {
        let sentAt = max(now, lastSentAt ?? now)
        lastSeq += 1
        rev += 1
        lastSentAt = sentAt
        return Message(
            id: id, chatID: draft.key.chatID, seq: lastSeq, rev: rev, senderID: draft.key.senderID,
            clientMessageID: draft.key.clientMessageID, text: draft.text, sentAt: sentAt, replyTo: draft.replyTo)
    }
}

extension ServiceError {
    /// The answer to a user whom the other member of a direct chat has blocked.
    static let messagesDenied = ServiceError(.denied, "you cannot send messages to this user")
}
