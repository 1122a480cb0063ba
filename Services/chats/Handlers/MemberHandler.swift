import Cache
import Contracts
import Postgres

/// Handles the procedures that concern members, read markers and titles.
struct MemberHandler: Sendable {
    let store: MemberStore
    let newChats: NewChatStore
    let markers: MarkerStore
    let views: ChatViewStore
    let caches: ChatCaches
    let users: UserDirectory

    /// - Throws: `notFound` if the user is not a member; `invalid` for a limit or cursor out of range.
    func list(_ request: ListMembers) async throws -> Page<Member> {
        let limit = try validated("limit", try PageLimit(request.limit))
        let after = try validated("after", try request.after.map(PageCursor.init(decimal:)))
        let key = MemberKey(chatID: request.chatID, userID: request.userID)
        guard try await caches.memberships.get(key, .checked)?.isPresent == true else { throw ServiceError.noSuchChat }
        let found = try await store.members(of: request.chatID, after: after, limit: request.limit + 1)
        return Page(of: found, limit: limit) { PageCursor(time: $0.joinedAt, id: $0.userID.rawValue).decimal }
    }

    /// Gives a user a role in a group, adding the user if necessary.
    ///
    /// Whether a new member exists is checked after the rules have permitted the change and outside any
    /// transaction. The rules then decide again.
    func set(_ request: SetMember, deadline: ContinuousClock.Instant) async throws -> SetMember.Response {
        let change = try await invalidatingCaches(request.memberID, in: request.chatID) {
            if let change = try await store.set(request, isKnown: false, deadline: deadline) { return change }
            try await users.checkExists(request.memberID)
            try await newChats.indexMemberships(of: [request.memberID], in: request.chatID)
            return try await store.set(request, isKnown: true, deadline: deadline)
        }
        guard let change, let member = change.member else { throw ServiceError(.internal, "the new member is missing") }
        return SetMember.Response(member: member, added: change.effect == .added)
    }

    func remove(_ request: RemoveMember, deadline: ContinuousClock.Instant) async throws -> EmptyResponse {
        _ = try await invalidatingCaches(request.memberID, in: request.chatID) {
            try await store.remove(request, deadline: deadline)
        }
        return EmptyResponse()
    }

    /// Runs `change` and invalidates the cached membership before it returns or throws.
    private func invalidatingCaches(
        _ member: UserID, in chat: ChatID, _ change: () async throws -> MemberChange?
    ) async throws -> MemberChange? {
        do {
            guard let change = try await change() else { return nil }
            await caches.apply(change, of: member, in: chat)
            return change
        } catch let error as PostgresError where error.mayHaveHappened {
            await caches.invalidateMembership(of: member, in: chat)
            throw error
        }
    }

    /// - Throws: `invalid` for an invalid title; the refusals of ``GroupRules``.
    func rename(_ request: UpdateChat, deadline: ContinuousClock.Instant) async throws -> Chat {
        _ = try validated("title", try request.title.validated(length: ChatLimits.title))
        _ = try await store.rename(request, deadline: deadline)
        guard let chat = try await views.chat(request.chatID, for: request.userID) else { throw ServiceError.noSuchChat }
        return chat
    }

    /// - Throws: `invalid` for a negative `seq`; `notFound` if the user is not a member.
    func markRead(_ request: MarkRead) async throws -> MarkRead.Response {
        guard request.seq >= 0 else { throw ServiceError.invalid("seq", "must be the seq of a message or 0") }
        return try await markers.markRead(request)
    }
}
