import Contracts

/// A chat that somebody wants to open, right by itself.
struct NewChat: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case direct(other: UserID)
        /// Without the creator, each once, ascending.
        case group(title: String, others: [UserID])
    }

    let creatorID: UserID
    let kind: Kind
    let idempotencyKey: String?

    /// - Throws: `invalid` with all fields that are against the limits. Somebody named twice counts once; the creator need not be named.
    init(_ request: CreateChat) throws(ServiceError) {
        var complaints = Complaints()
        if let key = request.idempotencyKey {
            complaints.add("Idempotency-Key", Limits.complaint(about: key, Limits.idempotencyKey))
        }
        let others = Set(request.members).subtracting([request.creatorID]).sorted()
        switch request.kind {
        case .direct:
            if request.title != nil { complaints.add("title", "a direct chat has none") }
            if others.count != 1 || request.members.count != 1 { complaints.add("members", "must be one other person") }
        case .group:
            complaints.add(
                "title", request.title.map { Limits.complaint(about: $0, Limits.title) } ?? "a group needs one")
            if !(1..<Limits.groupMembers).contains(others.count) {
                complaints.add("members", "must be 1 to \(Limits.groupMembers - 1) other people")
            }
        default:
            complaints.add("kind", "must be direct or group")
        }
        try complaints.check()
        creatorID = request.creatorID
        idempotencyKey = request.idempotencyKey
        kind = request.kind == .direct ? .direct(other: others[0]) : .group(title: request.title ?? "", others: others)
    }

    /// Everybody but the creator.
    var others: [UserID] {
        switch kind {
        case .direct(let other): [other]
        case .group(_, let others): others
        }
    }

    var chatKind: ChatKind { if case .direct = kind { .direct } else { .group } }
    var title: String? { if case .group(let title, _) = kind { title } else { nil } }

    /// All, the creator first. Whoever makes a group owns it; of two people nobody is more than the other.
    var members: [(userID: UserID, role: ChatRole)] {
        let others = others.map { (userID: $0, role: ChatRole.member) }
        return [(userID: creatorID, role: chatKind == .group ? .owner : .member)] + others
    }

    /// What the world is told once the chat is there. A chat begins with `rev` 1.
    func fact(id: ChatID, at now: Timestamp) -> ChatCreated {
        ChatCreated(
            chatID: id, kind: chatKind, title: title, creatorID: creatorID, members: members.map(\.userID), createdAt: now, rev: 1
        )
    }

    /// - Throws: `invalid` naming those who are not in `known`.
    func check(known: Set<UserID>) throws(ServiceError) {
        let unknown = others.filter { !known.contains($0) }
        if unknown.isEmpty { return }
        throw .invalid("members", "nobody is known as \(unknown.prefix(10).map(\.description).joined(separator: ", "))")
    }

    /// - Parameter blockers: of the others, those who have blocked the creator.
    /// - Throws: `denied` naming them.
    func check(blockers: Set<UserID>) throws(ServiceError) {
        let unwilling = others.filter(blockers.contains)
        if unwilling.isEmpty { return }
        let names = unwilling.prefix(10).map(\.description).joined(separator: ", ")
        let message = "you cannot open a chat with \(names)"
        throw ServiceError(.denied, message, fields: [.init("members", message)])
    }
}

/// Two people in the order that makes them one pair.
struct Pair: Hashable, Sendable {
    let low: UserID
    let high: UserID

    init(_ one: UserID, _ other: UserID) {
        low = min(one, other)
        high = max(one, other)
    }
}
