import Contracts

/// Answers what is asked of connections and blocks.
struct Contacts: Sendable {
    let store: ContactStore
    let now: @Sendable () -> Timestamp

    func change(_ request: ChangeConnection) async throws -> ChangeConnection.Response {
        let pair = try Self.pair(request.userID, request.otherID)
        do {
            return ChangeConnection.Response(
                connection: try await store.take(request.step, by: request.userID, in: pair, now: now()))
        } catch let refusal as Tie.Refusal {
            throw refusal.serviceError
        }
    }

    func setBlock(_ request: SetBlock) async throws -> Done {
        let pair = try Self.pair(request.userID, request.otherID)
        try await store.setBlock(request.blocked, by: request.userID, in: pair, now: now())
        return Done()
    }

    func connections(_ request: ListConnections) async throws -> Page<Connection> {
        let (limit, after) = try Self.place(limit: request.limit, after: request.after)
        let read = try await store.connections(of: request.userID, after: after, limit: limit)
        return Page(read, limit: limit) { NewestFirstCursor(since: $0.since, id: $0.userID.rawValue).text }
    }

    func blocks(_ request: ListBlocks) async throws -> Page<Block> {
        let (limit, after) = try Self.place(limit: request.limit, after: request.after)
        let read = try await store.blocks(of: request.userID, after: after, limit: limit)
        return Page(read, limit: limit) { NewestFirstCursor(since: $0.since, id: $0.userID.rawValue).text }
    }

    private static func pair(_ user: UserID, _ other: UserID) throws(ServiceError) -> Pair {
        guard let pair = Pair(user, other) else { throw .invalid("userId", "must be another user") }
        return pair
    }

    private static func place(limit: Int, after: String?) throws(ServiceError) -> (PageLimit, NewestFirstCursor?) {
        var complaints = Complaints()
        let limit = complaints.take("limit") { () throws(Complaint) in try PageLimit(limit) }
        let after = complaints.take("after") { () throws(Complaint) in try after.map(NewestFirstCursor.init) }
        guard let limit, let after else { throw complaints.error }
        return (limit, after)
    }
}
