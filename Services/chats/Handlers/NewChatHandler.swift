import Bus
import Contracts
import Postgres

/// Answers `chats.create.v1`.
struct NewChatHandler: Sendable {
    let store: NewChatStore
    let views: ChatViewStore
    let caches: ChatCaches
    let people: UserDirectory
    let nextID: @Sendable () async throws -> ChatID

    /// - Throws: `invalid`, `denied` when somebody of them has blocked the creator, `unavailable` while nobody can say who exists.
    func create(_ request: CreateChat, deadline: ContinuousClock.Instant) async throws -> CreateChat.Response {
        let newChat = try NewChat(request)
        if let key = newChat.idempotencyKey,
            let earlier = try await store.creation(under: key, by: newChat.creatorID, hash: RequestHash(of: newChat))
        {
            return try await respond(newChat, earlier, created: true)
        }
        switch newChat.kind {
        case .direct(let other): return try await openDirect(newChat, with: other, deadline)
        case .group: return try await openGroup(newChat, deadline)
        }
    }

    /// The pair is reserved first, then the chat made by the reserved id: whoever fails in between, or does the same at the same time, leaves
    /// something that the next one completes.
    private func openDirect(
        _ newChat: NewChat, with other: UserID, _ deadline: ContinuousClock.Instant
    ) async throws -> CreateChat.Response {
        let pair = Pair(newChat.creatorID, other)
        var reserved = try await store.directChat(of: pair)
        if let reserved, let chat = try await views.chat(reserved, for: newChat.creatorID) {
            return .init(chat: chat, created: false)
        }
        try await people.check(newChat)
        if reserved == nil { reserved = try await store.reserve(try await nextID(), for: pair) }
        guard let id = reserved else { throw ServiceError(.internal, "a pair without a chat") }
        return try await make(newChat, id, isReserved: true, deadline)
    }

    /// Most refusals are known before anything is written; the transaction decides again.
    private func openGroup(_ newChat: NewChat, _ deadline: ContinuousClock.Instant) async throws -> CreateChat.Response {
        try await people.check(newChat)
        try newChat.check(blockers: try await store.blockers(newChat))
        return try await make(newChat, try await nextID(), isReserved: false, deadline)
    }

    /// - Parameter isReserved: somebody else may make a chat by this id.
    private func make(
        _ newChat: NewChat, _ id: ChatID, isReserved: Bool, _ deadline: ContinuousClock.Instant
    ) async throws -> CreateChat.Response {
        let members = newChat.members.map(\.userID)
        let result: NewChatStore.Result
        do {
            try await store.lead(members, to: id)
            result = try await store.create(newChat, id: id, hash: RequestHash(of: newChat), deadline: deadline)
        } catch {
            if (error as? PostgresError)?.mayHaveHappened == true {
                await caches.noteOpening(of: id, members: members)
            } else if !isReserved {
                await store.forget(members, leadTo: id)
            }
            throw error
        }
        if case .repeated(let earlier) = result {
            if !isReserved { await store.forget(members, leadTo: id) }
            return try await respond(newChat, earlier, created: true)
        }
        await caches.noteOpening(of: id, members: members)
        return try await respond(newChat, id, created: result == .created)
    }

    private func respond(_ newChat: NewChat, _ id: ChatID, created: Bool) async throws -> CreateChat.Response {
        guard let chat = try await views.chat(id, for: newChat.creatorID) else { throw ServiceError.noSuchChat }
        return CreateChat.Response(chat: chat, created: created)
    }
}

/// Knows who exists, by asking `users`.
struct UserDirectory: Sendable {
    let known: @Sendable ([UserID]) async throws -> Set<UserID>

    /// Over the bus.
    init(on bus: Bus) {
        known = { ids in Set(try await bus.call(GetProfiles(ids: ids)).users.map(\.id)) }
    }

    init(known: @escaping @Sendable ([UserID]) async throws -> Set<UserID>) { self.known = known }

    /// - Throws: `invalid` naming who does not exist; what the bus throws.
    func check(_ newChat: NewChat) async throws { try newChat.check(known: try await known(newChat.others)) }

    /// - Throws: `notFound` when nobody is known by this id; what the bus throws.
    func check(_ user: UserID) async throws {
        guard try await known([user]).contains(user) else { throw ServiceError(.notFound, "nobody is known as \(user)") }
    }
}
