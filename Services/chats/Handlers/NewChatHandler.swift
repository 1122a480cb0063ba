import Bus
import Contracts
import Postgres

/// Handles `chats.create.v1`.
struct NewChatHandler: Sendable {
    let store: NewChatStore
    let views: ChatViewStore
    let caches: ChatCaches
    let users: UserDirectory
    let nextID: @Sendable () async throws -> ChatID

    /// - Throws: `invalid`; `denied` if a member has blocked the creator; `unavailable` if the service
    ///   `users` cannot be asked which members exist.
    func create(_ request: CreateChat, deadline: ContinuousClock.Instant) async throws -> CreateChat.Response {
        let newChat = try NewChat(request)
        if let key = newChat.idempotencyKey,
            let earlier = try await store.creation(under: key, by: newChat.creatorID, hash: RequestHash(of: newChat))
        {
            return try await respond(newChat, earlier, created: true)
        }
        switch newChat.details {
        case .direct(let other): return try await createDirect(newChat, with: other, deadline: deadline)
        case .group: return try await createGroup(newChat, deadline: deadline)
        }
    }

    /// Reserves a chat id for the pair, then creates the chat under that id. A later request completes a
    /// creation that failed in between, and concurrent requests create one chat.
    private func createDirect(
        _ newChat: NewChat, with other: UserID, deadline: ContinuousClock.Instant
    ) async throws -> CreateChat.Response {
        guard let pair = UserPair(newChat.creatorID, other) else {
            throw ServiceError(.internal, "a direct chat has one member")
        }
        var reserved = try await store.directChat(of: pair)
        if let reserved, let chat = try await views.chat(reserved, for: newChat.creatorID) {
            return .init(chat: chat, created: false)
        }
        try await users.checkMembersExist(newChat)
        if reserved == nil { reserved = try await store.reserve(try await nextID(), for: pair) }
        guard let id = reserved else { throw ServiceError(.internal, "the pair has no chat") }
        return try await create(newChat, id: id, isReserved: true, deadline: deadline)
    }

    /// Checks the blocks before anything is written, so that most refusals leave nothing behind. The
    /// transaction checks again.
    private func createGroup(_ newChat: NewChat, deadline: ContinuousClock.Instant) async throws -> CreateChat.Response {
        try await users.checkMembersExist(newChat)
        try newChat.check(blockers: try await store.blockers(newChat))
        return try await create(newChat, id: try await nextID(), isReserved: false, deadline: deadline)
    }

    /// - Parameter isReserved: whether the id is reserved for a pair, so that another request may create this
    ///   chat too.
    private func create(
        _ newChat: NewChat, id: ChatID, isReserved: Bool, deadline: ContinuousClock.Instant
    ) async throws -> CreateChat.Response {
        let members = newChat.members.map(\.userID)
        let result: NewChatStore.Creation
        do {
            try await store.indexMemberships(of: members, in: id)
            result = try await store.create(newChat, id: id, hash: RequestHash(of: newChat), deadline: deadline)
        } catch {
            if (error as? PostgresError)?.mayHaveHappened == true {
                await caches.invalidateMemberships(of: members, inNewChat: id)
            } else if !isReserved {
                await store.removeMemberships(of: members, in: id)
            }
            throw error
        }
        if case .repeated(let earlier) = result {
            if !isReserved { await store.removeMemberships(of: members, in: id) }
            return try await respond(newChat, earlier, created: true)
        }
        await caches.invalidateMemberships(of: members, inNewChat: id)
        return try await respond(newChat, id, created: result == .created)
    }

    private func respond(_ newChat: NewChat, _ id: ChatID, created: Bool) async throws -> CreateChat.Response {
        guard let chat = try await views.chat(id, for: newChat.creatorID) else { throw ServiceError.noSuchChat }
        return CreateChat.Response(chat: chat, created: created)
    }
}

/// Checks which users exist.
struct UserDirectory: Sendable {
    /// Returns the existing users among the given ones.
    let existing: @Sendable ([UserID]) async throws -> Set<UserID>

    /// Asks the service `users`.
    init(on bus: Bus) {
        existing = { ids in Set(try await bus.call(GetProfiles(ids: ids)).users.map(\.id)) }
    }

    init(existing: @escaping @Sendable ([UserID]) async throws -> Set<UserID>) { self.existing = existing }

    /// - Throws: `invalid` with the ids of the members that do not exist; the errors of the bus.
    func checkMembersExist(_ newChat: NewChat) async throws { try newChat.check(known: try await existing(newChat.others)) }

    /// - Throws: `notFound` if the user does not exist; the errors of the bus.
    func checkExists(_ user: UserID) async throws {
        guard try await existing([user]).contains(user) else { throw ServiceError(.notFound, "there is no user \(user)") }
    }
}
