import Contracts

/// Decides over sends that share one commit.
///
/// What is decided was read under the locks of all chats concerned and stays true until the commit. One send never depends on how its
/// neighbours fare, but for the places that they take in the chat's order and for repeats of the same key.
struct SendBatch: Sendable {
    /// A chat, as its locked row says.
    struct Chat: Hashable, Sendable {
        var kind: ChatKind
        var lastSeq: Int64
        var rev: Int64
        var lastSentAt: Timestamp?
    }

    /// A message that an earlier send stored, and the request that it answered.
    struct Stored: Hashable, Sendable {
        var message: Message
        var hash: RequestHash
    }

    enum Outcome: Hashable, Sendable {
        /// The message is new, at this index of ``Decision/inserts``.
        case stored(Message)
        /// It is there already: an earlier send's, or that of an earlier one in this batch.
        case repeated(Message)
        case refused(ServiceError)
    }

    struct Decision: Sendable {
        /// One for each draft, in their order.
        var outcomes: [Outcome]
        /// To be stored, each chat's in ascending `seq`.
        var inserts: [Stored]
        /// The chats that get messages, as they are then; `lastSentAt` is when they were last changed.
        var chats: [ChatID: Chat]
    }

    var chats: [ChatID: Chat]
    /// Of the senders; those who left may be among them.
    var members: [MemberKey: Membership]
    /// Senders whom the other one of a direct chat has blocked.
    var blocked: Set<MemberKey>
    var repeats: [SendKey: Stored]
    /// By the database's clock, read under the locks: one clock for all processes.
    var now: Timestamp

    /// - Parameter ids: at least as many as drafts, ascending; those of refused and repeated ones are not used.
    func decide(_ drafts: [Draft], ids: [MessageID]) -> Decision {
        var decision = Decision(outcomes: [], inserts: [], chats: [:])
        var firsts: [SendKey: Stored] = [:]
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
                let stored = Stored(message: chat.append(draft, id: id, now: now), hash: draft.hash)
                decision.chats[draft.key.chatID] = chat
                firsts[draft.key] = stored
                decision.inserts.append(stored)
                decision.outcomes.append(.stored(stored.message))
            }
        }
        return decision
    }

    /// Comes before any refusal: what was accepted once is answered so for ever.
    private func repetition(of first: Stored, by draft: Draft) -> Outcome {
        if first.hash == draft.hash { return .repeated(first.message) }
        return .refused(.invalid("clientMessageId", "was used for another message of yours in this chat"))
    }

    private func refusal(of draft: Draft, in chat: Chat) -> ServiceError? {
        let sender = MemberKey(chatID: draft.key.chatID, userID: draft.key.senderID)
        guard let member = members[sender], member.isPresent else { return .noSuchChat }
        if blocked.contains(sender) { return ServiceError(.denied, "they do not want messages from you") }
        if let replyTo = draft.replyTo, !member.sees(seq: replyTo) || replyTo > chat.lastSeq {
            return .invalid("replyTo", "there is no such message, or it is not yours to see")
        }
        return nil
    }
}

extension SendBatch.ChatState {
    /// Gives the draft the chat's next place. Time stands still rather than go back along `seq`.
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
