import Cache
import Contracts
import Postgres

/// Handles the procedures of a user's own account.
struct AccountHandler: Sendable {
    let store: AccountStore
    let profiles: ProfileStore
    let cache: UserCaches
    let hasher: PasswordHasher
    let nextID: @Sendable () async throws -> Int64
    let now: @Sendable () -> Timestamp

    func register(_ request: RegisterUser) async throws -> User {
        let registration = try Registration(request)
        let known = try await store.beforeRegistering(registration.username, key: registration.key, now: now())
        if let earlier = known.earlier { return try await repeatedAnswer(earlier, to: registration) }
        // The hash comes last: it costs more than everything that can fail before it.
        if known.isTaken { throw Self.usernameTaken }
        let id = UserID(rawValue: try await nextID())
        let hash = try await hasher.hash(registration.password)
        let user = User(
            id: id, username: registration.username.text, displayName: registration.displayName.text, createdAt: now())
        let account = AccountStore.NewAccount(
            user: user, hash: hash, searchText: SearchText.of(username: user.username, displayName: user.displayName))
        switch try await store.register(account, key: registration.key) {
        case .registered:
            await cache.put(Account(user: user, version: 1))
            return user
        case .usernameTaken: throw Self.usernameTaken
        case .keyUsed:
            let again = try await store.beforeRegistering(registration.username, key: registration.key, now: now())
            guard let earlier = again.earlier else {
                throw ServiceError(.unavailable, "the idempotency key has just expired; retry", retryAfterMilliseconds: 100)
            }
            return try await repeatedAnswer(earlier, to: registration)
        }
    }

    private static let usernameTaken = ServiceError(
        .conflict, "the username is taken", fields: [ServiceError.Field("username", "is taken")])

    /// Returns the first answer to a repeated request, or refuses another request with its idempotency key.
    private func repeatedAnswer(_ earlier: AccountStore.EarlierRegistration, to registration: Registration) async throws -> User {
        let user = earlier.user
        guard user.username == registration.username.text,
            user.displayName.utf8.elementsEqual(registration.displayName.text.utf8),
            try await hasher.verify(registration.password, against: earlier.hash) != .wrong
        else { throw ServiceError.invalid("Idempotency-Key", "was used for another request") }
        return user
    }
}

extension AccountHandler {
    func account(_ request: GetAccount) async throws -> Account {
        guard let account = try await cache.accounts.get(request.userID, .checked) else { throw Self.unknownUser }
        return account
    }

    func update(_ request: UpdateProfile) async throws -> Account {
        var errors = ValidationErrors()
        let displayName = errors.check("displayName", try request.displayName.map(DisplayName.init))
        let avatarURL = errors.check("avatarUrl", try request.avatarURL.map(AvatarURL.init))
        guard let displayName, let avatarURL else { throw errors.error }
        let change = ProfileStore.Change(displayName: displayName, avatarURL: avatarURL)
        switch try await commit(change, of: request) {
        case .updated(let account):
            await cache.put(account)
            return account
        case .stale(let current):
            // The writer of this version may have died before it updated the cache; the client reads the
            // version next.
            await cache.put(current)
            throw ServiceError(.stale, "the profile has changed since version \(request.version)")
        case .notFound: throw Self.unknownUser
        }
    }

    private func commit(_ change: ProfileStore.Change, of request: UpdateProfile) async throws -> ProfileStore.Outcome {
        do {
            return try await profiles.update(request.userID, ifVersion: request.version, change)
        } catch let error as PostgresError where error.mayHaveHappened {
            await cache.invalidate(request.userID)
            throw error
        }
    }

    func changePassword(_ request: ChangePassword) async throws -> EmptyResponse {
        var errors = ValidationErrors()
        let current = errors.check("currentPassword", try Password(attempt: request.currentPassword))
        let new = errors.check("newPassword", try Password(new: request.newPassword))
        guard let current, let new else { throw errors.error }
        guard let credentials = try await store.credentials(of: request.userID) else { throw Self.unknownUser }
        guard try await hasher.verify(current, against: credentials.hash) != .wrong else {
            throw ServiceError(.denied, "the current password is wrong")
        }
        let hash = try await hasher.hash(new)
        guard try await store.changePassword(of: credentials, to: hash, keeping: request.sessionID, now: now()) else {
            throw ServiceError(.conflict, "the password was changed by another request")
        }
        return EmptyResponse()
    }

    private static let unknownUser = ServiceError(.notFound, "there is no such user")
}
