import Bus
import Contracts
import Synchronization

/// Public profiles, kept for a moment as they are sent: popular people are asked for all the time. Bounded.
///
/// What `users` answers may be half a second old; here it grows older by less than another half, so that everybody sees a change within a second.
final class ProfileCache: Sendable {
    private static let lifetime = Duration.milliseconds(400)
    private static let capacity = 4_096

    private struct Kept {
        let response: APIResponse
        let until: ContinuousClock.Instant
    }

    private let bus: any ProcedureCaller
    private let now: @Sendable () -> ContinuousClock.Instant
    private let kept = Mutex<[UserID: Kept]>([:])

    init(bus: any ProcedureCaller, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        (self.bus, self.now) = (bus, now)
    }

    /// With its `ETag`.
    ///
    /// - Throws: `notFound`, and why it cannot be had.
    func response(for id: UserID) async throws -> APIResponse {
        let asked = now()
        if let kept = kept.withLock({ $0[id] }), asked < kept.until { return kept.response }
        guard let user = try await bus.call(GetProfiles(ids: [id])).users.first else {
            throw ServiceError(.notFound, "There is no user \(id).")
        }
        let response = try APIResponse.json(user).tagged()
        // Counted from the question, not from the answer, which may have been on its way for long.
        kept.withLock { kept in
            if kept.count >= Self.capacity { kept = kept.filter { $0.value.until > asked } }
            if kept.count < Self.capacity { kept[id] = Kept(response: response, until: asked + Self.lifetime) }
        }
        return response
    }
}
