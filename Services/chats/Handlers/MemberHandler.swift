import Cache
import Contracts
import Postgres

/// Answers what is about members, their markers and the title.
struct MemberHandler: Sendable {
    let store: MemberStore
    let newChat: NewChatStore
    let markers: MarkerStore
    let views: ChatViewStore
    let caches: ChatCaches
    let people: UserDirectory

    /// - Throws: `notFound` for who is not in the chat; `invalid` for a limit or a cursor that cannot be.
    func members(_ request: ListMembers) async throws -> Page<Member> {
        try Limits.check(limit: request.limit)
        let after = try request.after.map { text throws(ServiceError) in try PageCursor(text) }
        let key = MemberKey(chatID: request.chatID, userID: request.userID)
        guard try await caches.memberships.get(key, .checked)?.isPresent == true else { throw ServiceError.noSuchChat }
        let found = try await store.members(of: request.chatID, after: after, limit: request.limit + 1)
        let items = Array(found.prefix(request.limit))
        let next =
            found.count > request.limit ? items.last.map { PageCursor(time: $0.joinedAt, id: $0.userID.rawValue).text } : nil
        return Page(items: items, next: next)
    }

    /// Who is new is asked for after the rules have agreed, outside of any transaction; then the rules decide again.
    func set(_ request: SetMember, deadline: ContinuousClock.Instant) async throws -> SetMember.Response {
        let change = try await noting(request.memberID, in: request.chatID) {
            if let change = try await store.set(request, isKnown: false, deadline: deadline) { return change }
            try await people.check(request.memberID)
            try await newChat.lead([request.memberID], to: request.chatID)
            return try await store.set(request, isKnown: true, deadline: deadline)
        }
        guard let change, let member = change.member else { throw ServiceError(.internal, "a member who was set is not there") }
        return SetMember.Response(member: member, added: change.kind == .added)
    }

    func remove(_ request: RemoveMember, deadline: ContinuousClock.Instant) async throws -> Done {
        _ = try await noting(request.memberID, in: request.chatID) { try await store.remove(request, deadline: deadline) }
        return Done()
    }

    /// Tells the caches what `change` did, or that nobody knows, before anybody is answered.
    private func noting(
        _ member: UserID, in chat: ChatID, _ change: () async throws -> MemberChange?
    ) async throws -> MemberChange? {
        do {
            guard let change = try await change() else { return nil }
            await caches.note(change, of: member, in: chat)
            return change
        } catch let error as PostgresError where error.mayHaveHappened {
            await caches.noteDoubt(about: member, in: chat)
            throw error
        }
    }

    /// - Throws: `invalid` for a title that cannot be, and what ``GroupRules`` refuses.
    func rename(_ request: UpdateChat, deadline: ContinuousClock.Instant) async throws -> Chat {
        var complaints = Complaints()
        complaints.add("title", Limits.complaint(about: request.title, Limits.title))
        try complaints.check()
        _ = try await store.rename(request, deadline: deadline)
        guard let chat = try await views.chat(request.chatID, for: request.userID) else { throw ServiceError.noSuchChat }
        return chat
    }

    /// - Throws: `invalid` for a negative `seq`; `notFound` for who is not in the chat.
    func markRead(_ request: MarkRead) async throws -> MarkRead.Response {
        guard request.seq >= 0 else { throw ServiceError.invalid("seq", "must be the seq of a message, or 0") }
        return try await markers.markRead(request)
    }
}
