import Contracts

/// Answers what those ask who have live connections.
struct Presence: Sendable {
    static let mostSeen = 256

    let store: PresenceStore
    let now: @Sendable () -> Timestamp

    func contacts(_ request: ListPresenceContacts) async throws -> ListPresenceContacts.Response {
        ListPresenceContacts.Response(contacts: try await store.contacts(of: request.userID))
    }

    /// - Throws: `invalid` for none or too many.
    func note(_ request: RecordLastSeen) async throws -> EmptyResponse {
        guard (1...Self.mostSeen).contains(request.users.count) else {
            throw ServiceError.invalid("users", "must be 1 to \(Self.mostSeen)")
        }
        try await store.note(request.users, now: now())
        return EmptyResponse()
    }
}
