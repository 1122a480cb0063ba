import Bus
import Contracts
import Postgres

/// Answers `chats.create.v1`.
struct NewChatHandler: Sendable {
    let store: OpeningStore
    let views: ChatViewStore
    let caches: ChatCaches
    let people: People
    let nextID: @Sendable () async throws -> ChatID

    /// - Throws: `invalid`, `denied` when somebody of them has blocked the creator, `unavailable` while nobody can say who exists.
    func create(_ request: CreateChat, deadline: ContinuousClock.Instant) async throws -> CreateChat.Response {
        let opening = try Opening(request)
        if let key = opening.idempotencyKey,
            let earlier = try await store.creation(under: key, by: opening.creatorID, hash: RequestHash(of: opening))
        {
            return try await respond(opening, earlier, created: true)
        }
        switch opening.kind {
        case .direct(let other): return try await openDirect(opening, with: other, deadline)
        case .group: return try await openGroup(opening, deadline)
        }
    }

    /// The pair is reserved first, then the chat made by the reserved id: whoever fails in between, or does the same at the same time, leaves
    /// something that the next one completes.
    private func openDirect(
        _ opening: Opening, with other: UserID, _ deadline: ContinuousClock.Instant
    ) async throws -> CreateChat.Response {
        let pair = Pair(opening.creatorID, other)
        var reserved = try await store.directChat(of: pair)
        if let reserved, let chat = try await views.chat(reserved, for: opening.creatorID) {
            return .init(chat: chat, created: false)
        }
        try await people.check(opening)
        if reserved == nil { reserved = try await store.reserve(try await nextID(), for: pair) }
        guard let id = reserved else { throw ServiceError(.internal, "a pair without a chat") }
        return try await make(opening, id, isReserved: true, deadline)
    }

    /// Most refusals are known before anything is written; the transaction decides again.
    private func openGroup(_ opening: Opening, _ deadline: ContinuousClock.Instant) async throws -> CreateChat.Response {
        try await people.check(opening)
        try opening.check(blockers: try await store.blockers(opening))
        return try await make(opening, try await nextID(), isReserved: false, deadline)
    }

    /// - Parameter isReserved: somebody else may make a chat by this id.
    private func make(
        _ opening: Opening, _ id: ChatID, isReserved: Bool, _ deadline: ContinuousClock.Instant
    ) async throws -> CreateChat.Response {
        let members = opening.members.map(\.userID)
        let result: OpeningStore.Result
        do {
            try await store.lead(members, to: id)
            result = try await store.create(opening, id: id, hash: RequestHash(of: opening), deadline: deadline)
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
            return try await respond(opening, earlier, created: true)
        }
        await caches.noteOpening(of: id, members: members)
        return try await respond(opening, id, created: result == .created)
    }

    private func respond(_ opening: Opening, _ id: ChatID, created: Bool) async throws -> CreateChat.Response {
        guard let chat = try await views.chat(id, for: opening.creatorID) else { throw ServiceError.noSuchChat }
        return CreateChat.Response(chat: chat, created: created)
    }
}

/// Knows who exists, by asking `users`.
struct People: Sendable {
    let known: @Sendable ([UserID]) async throws -> Set<UserID>

    /// Over the bus.
    init(on bus: Bus) {
        known = { ids in Set(try await bus.call(GetProfiles(ids: ids)).users.map(\.id)) }
    }

    init(known: @escaping @Sendable ([UserID]) async throws -> Set<UserID>) { self.known = known }

    /// - Throws: `invalid` naming who does not exist; what the bus throws.
    func check(_ opening: Opening) async throws { try opening.check(known: try await known(opening.others)) }

    /// - Throws: `notFound` when nobody is known by this id; what the bus throws.
    func check(_ user: UserID) async throws {
        guard try await known([user]).contains(user) else { throw ServiceError(.notFound, "nobody is known as \(user)") }
    }
}
