import Contracts

/// A request for a new chat whose own fields are valid.
struct NewChat: Hashable, Sendable {
    enum Details: Hashable, Sendable {
        case direct(other: UserID)
        /// - Parameter others: the members without the creator, ascending, without duplicates.
        case group(title: String, others: [UserID])
    }

    let creatorID: UserID
    let details: Details
    let idempotencyKey: String?

    /// Duplicate members count once. The creator is a member even if the request does not name them.
    ///
    /// - Throws: `invalid` with every field that violates a limit.
    init(_ request: CreateChat) throws(ServiceError) {
        var errors = ValidationErrors()
        if let key = request.idempotencyKey {
            errors.check("Idempotency-Key", try key.validated(length: ChatLimits.idempotencyKey))
        }
        let others = Set(request.members).subtracting([request.creatorID]).sorted()
        switch request.kind {
        case .direct:
            if request.title != nil { errors.add("title", "a direct chat has none") }
            if others.count != 1 || request.members.count != 1 { errors.add("members", "must be one other person") }
        case .group:
            if let title = request.title {
                errors.check("title", try title.validated(length: ChatLimits.title))
            } else {
                errors.add("title", "a group needs one")
            }
            if !(1..<ChatLimits.groupMembers).contains(others.count) {
                errors.add("members", "must be 1 to \(ChatLimits.groupMembers - 1) other people")
            }
        default:
            errors.add("kind", "must be direct or group")
        }
        try errors.throwIfAny()
        creatorID = request.creatorID
        idempotencyKey = request.idempotencyKey
        details = request.kind == .direct ? .direct(other: others[0]) : .group(title: request.title ?? "", others: others)
    }

    /// The members without the creator.
    var others: [UserID] {
        switch details {
        case .direct(let other): [other]
        case .group(_, let others): others
        }
    }

    var chatKind: ChatKind { if case .direct = details { .direct } else { .group } }
    var title: String? { if case .group(let title, _) = details { title } else { nil } }

    /// All members, the creator first. The creator of a group is its owner; a direct chat has no owner.
    var members: [(userID: UserID, role: ChatRole)] {
        let others = others.map { (userID: $0, role: ChatRole.member) }
        return [(userID: creatorID, role: chatKind == .group ? .owner : .member)] + others
    }

    /// Returns the event of the creation. A chat begins with `rev` 1.
    func createdEvent(id: ChatID, at now: Timestamp) -> ChatCreated {
        ChatCreated(
            chatID: id, kind: chatKind, title: title, creatorID: creatorID, members: members.map(\.userID), createdAt: now, rev: 1
        )
    }

    /// Checks that all members exist.
    ///
    /// - Parameter known: the existing users among them.
    /// - Throws: `invalid` with the ids of the others.
    func check(known: Set<UserID>) throws(ServiceError) {
        let unknown = others.filter { !known.contains($0) }
        if unknown.isEmpty { return }
        throw .invalid("members", "there is no user \(unknown.prefix(10).map(\.description).joined(separator: ", "))")
    }

    /// Checks that no member has blocked the creator.
    ///
    /// - Parameter blockers: the users who have blocked the creator.
    /// - Throws: `denied` with the ids of the blocking members.
    func check(blockers: Set<UserID>) throws(ServiceError) {
        let blocking = others.filter(blockers.contains)
        if blocking.isEmpty { return }
        let names = blocking.prefix(10).map(\.description).joined(separator: ", ")
        let message = "you cannot create a chat with \(names)"
        throw ServiceError(.denied, message, fields: [.init("members", message)])
    }
}
