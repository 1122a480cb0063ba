import Contracts

/// Handles the procedures of contacts and blocks.
struct ContactHandler: Sendable {
    let store: ContactStore
    let now: @Sendable () -> Timestamp

    func change(_ request: ChangeContact) async throws -> ChangeContact.Response {
        let pair = try Self.pair(request.userID, request.otherID)
        do {
            return ChangeContact.Response(
                contact: try await store.apply(request.step, by: request.userID, in: pair, now: now()))
        } catch let error as RelationshipError {
            throw error.serviceError
        }
    }

    func setBlock(_ request: SetBlock) async throws -> EmptyResponse {
        let pair = try Self.pair(request.userID, request.otherID)
        try await store.setBlock(request.blocked, by: request.userID, in: pair, now: now())
        return EmptyResponse()
    }

    func contacts(_ request: ListContacts) async throws -> Page<Contact> {
        let (limit, after) = try Self.position(limit: request.limit, after: request.after)
        let found = try await store.contacts(of: request.userID, after: after, limit: limit)
        return Page(of: found, limit: limit) { PageCursor(time: $0.since, id: $0.userID.rawValue).base36 }
    }

    func blocks(_ request: ListBlocks) async throws -> Page<Block> {
        let (limit, after) = try Self.position(limit: request.limit, after: request.after)
        let found = try await store.blocks(of: request.userID, after: after, limit: limit)
        return Page(of: found, limit: limit) { PageCursor(time: $0.since, id: $0.userID.rawValue).base36 }
    }

    private static func pair(_ user: UserID, _ other: UserID) throws(ServiceError) -> UserPair {
        guard let pair = UserPair(user, other) else { throw .invalid("userId", "must be another user") }
        return pair
    }

    private static func position(limit: Int, after: String?) throws(ServiceError) -> (PageLimit, PageCursor?) {
        var errors = ValidationErrors()
        let limit = errors.check("limit", try PageLimit(limit))
        let after = errors.check("after", try after.map(PageCursor.init(base36:)))
        guard let limit, let after else { throw errors.error }
        return (limit, after)
    }
}

/// Handles what `messaging` asks about presence.
struct PresenceHandler: Sendable {
    static let mostPerRequest = 256

    let store: PresenceStore
    let now: @Sendable () -> Timestamp

    func contacts(_ request: ListPresenceContacts) async throws -> ListPresenceContacts.Response {
        ListPresenceContacts.Response(contacts: try await store.contacts(of: request.userID))
    }

    /// - Throws: `invalid` for no user or too many.
    func recordLastSeen(_ request: RecordLastSeen) async throws -> EmptyResponse {
        guard (1...Self.mostPerRequest).contains(request.users.count) else {
            throw ServiceError.invalid("users", "must be 1 to \(Self.mostPerRequest)")
        }
        try await store.recordLastSeen(request.users, now: now())
        return EmptyResponse()
    }
}
