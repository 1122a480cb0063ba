import Contracts

/// Answers what is asked of connections and blocks.
struct Contacts: Sendable {
    let store: ContactStore
    let now: @Sendable () -> Timestamp

    func change(_ request: ChangeContact) async throws -> ChangeContact.Response {
        let pair = try Self.pair(request.userID, request.otherID)
        do {
            return ChangeContact.Response(
                contact: try await store.take(request.step, by: request.userID, in: pair, now: now()))
        } catch let refusal as Tie.Refusal {
            throw refusal.serviceError
        }
    }

    func setBlock(_ request: SetBlock) async throws -> EmptyResponse {
        let pair = try Self.pair(request.userID, request.otherID)
        try await store.setBlock(request.blocked, by: request.userID, in: pair, now: now())
        return EmptyResponse()
    }

    func connections(_ request: ListContacts) async throws -> Page<Contact> {
        let (limit, after) = try Self.place(limit: request.limit, after: request.after)
        let read = try await store.connections(of: request.userID, after: after, limit: limit)
        return Page(of: read, limit: limit) { PageCursor(time: $0.since, id: $0.userID.rawValue).base36 }
    }

    func blocks(_ request: ListBlocks) async throws -> Page<Block> {
        let (limit, after) = try Self.place(limit: request.limit, after: request.after)
        let read = try await store.blocks(of: request.userID, after: after, limit: limit)
        return Page(of: read, limit: limit) { PageCursor(time: $0.since, id: $0.userID.rawValue).base36 }
    }

    private static func pair(_ user: UserID, _ other: UserID) throws(ServiceError) -> UserPair {
        guard let pair = UserPair(user, other) else { throw .invalid("userId", "must be another user") }
        return pair
    }

    private static func place(limit: Int, after: String?) throws(ServiceError) -> (PageLimit, PageCursor?) {
        var errors = ValidationErrors()
        let limit = errors.check("limit", try PageLimit(limit))
        let after = errors.check("after", try after.map(PageCursor.init(base36:)))
        guard let limit, let after else { throw errors.error }
        return (limit, after)
    }
}
