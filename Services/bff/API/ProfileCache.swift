import Bus
import Contracts
import Synchronization

/// Public profiles as they are sent. Bounded in number and age.
///
/// The answer of `users` may be half a second old. This cache adds less than another half, so every client
/// sees a change within a second.
final class ProfileCache: Sendable {
    private static let lifetime = Duration.milliseconds(400)
    private static let capacity = 4_096

    private struct Entry {
        let response: APIResponse
        let expiry: ContinuousClock.Instant
    }

    private let bus: any ProcedureCaller
    private let now: @Sendable () -> ContinuousClock.Instant
    private let entries = Mutex<[UserID: Entry]>([:])

    init(bus: any ProcedureCaller, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.bus = bus
        self.now = now
    }

    /// Returns the profile with its `ETag`.
    ///
    /// - Throws: ``ServiceError``, `notFound` if there is no such user.
    func response(for id: UserID) async throws -> APIResponse {
        let start = now()
        if let entry = entries.withLock({ $0[id] }), start < entry.expiry { return entry.response }
        guard let user = try await bus.call(GetProfiles(ids: [id])).users.first else {
            throw ServiceError(.notFound, "There is no user \(id).")
        }
        let response = try APIResponse.json(user).tagged()
        // The age counts from the call: the answer may have been on its way for long.
        entries.withLock { entries in
            if entries.count >= Self.capacity { entries = entries.filter { $0.value.expiry > start } }
            if entries.count < Self.capacity { entries[id] = Entry(response: response, expiry: start + Self.lifetime) }
        }
        return response
    }
}
