import Cache
import Contracts
import Postgres

/// Answers what is asked of one's own account.
struct Accounts: Sendable {
    let store: AccountStore
    let profiles: ProfileStore
    let cache: UserCaches
    let hasher: PasswordHasher
    let nextID: @Sendable () async throws -> Int64
    let now: @Sendable () -> Timestamp

    func register(_ request: RegisterUser) async throws -> User {
        let wanted = try Wanted(request)
        let before = try await store.beforeRegistering(wanted.username, key: wanted.key, now: now())
        if let earlier = before.earlier { return try await answer(again: earlier, to: wanted) }
        // Whatever can fail comes before the hash, which costs more than anything else here.
        if before.isTaken { throw Self.taken }
        let id = UserID(rawValue: try await nextID())
        let hash = try await hasher.hash(wanted.password)
        let user = User(id: id, username: wanted.username.text, displayName: wanted.displayName.text, createdAt: now())
        let account = AccountStore.NewAccount(
            user: user, hash: hash, searchText: SearchText.of(username: user.username, displayName: user.displayName))
        switch try await store.register(account, key: wanted.key) {
        case .done:
            await cache.put(Account(user: user, version: 1))
            return user
        case .taken: throw Self.taken
        case .repeated:
            guard let earlier = try await store.beforeRegistering(wanted.username, key: wanted.key, now: now()).earlier else {
                throw ServiceError(.unavailable, "the key has just been given up; ask again")
            }
            return try await answer(again: earlier, to: wanted)
        }
    }

    private static let taken = ServiceError(
        .conflict, "the username is taken", fields: [ServiceError.Field("username", "is taken")])

    /// The same request gets the first answer; another one with its key is refused.
    private func answer(again earlier: AccountStore.Registration, to wanted: Wanted) async throws -> User {
        let user = earlier.user
        guard user.username == wanted.username.text, user.displayName.utf8.elementsEqual(wanted.displayName.text.utf8),
            try await hasher.verify(wanted.password, against: earlier.hash) != .wrong
        else { throw ServiceError.invalid("Idempotency-Key", "was used for another request") }
        return user
    }

    /// What a registration asks for, once it is in order.
    private struct Wanted {
        let username: Username
        let password: Password
        let displayName: DisplayName
        let key: IdempotencyKey?

        init(_ request: RegisterUser) throws(ServiceError) {
            var errors = ValidationErrors()
            let username = errors.check("username", try Username(request.username))
            let password = errors.check("password", try Password(new: request.password))
            let displayName = errors.check("displayName", try DisplayName(request.displayName))
            let key = errors.check("Idempotency-Key", try request.idempotencyKey.map(IdempotencyKey.init))
            guard let username, let password, let displayName, let key else { throw errors.error }
            (self.username, self.password, self.displayName, self.key) = (username, password, displayName, key)
        }
    }
}

extension Accounts {
    func account(_ request: GetAccount) async throws -> Account {
        guard let account = try await cache.accounts.get(request.userID, .checked) else { throw Self.unknown }
        return account
    }

    func update(_ request: UpdateProfile) async throws -> Account {
        var errors = ValidationErrors()
        let displayName = errors.check("displayName", try request.displayName.map(DisplayName.init))
        let avatarURL = errors.check("avatarUrl", try request.avatarURL.map(AvatarURL.init))
        guard let displayName, let avatarURL else { throw errors.error }
        let change = ProfileStore.Change(displayName: displayName, avatarURL: avatarURL)
        switch try await commit(change, of: request) {
        case .done(let account):
            await cache.put(account)
            return account
        case .stale(let present):
            // Whoever made it the present one may have died before saying so: without this, the next reader would get the version that was refused.
            await cache.put(present)
            throw ServiceError(.stale, "the profile has changed since version \(request.version)")
        case .notFound: throw Self.unknown
        }
    }

    private func commit(_ change: ProfileStore.Change, of request: UpdateProfile) async throws -> ProfileStore.Updated {
        do {
            return try await profiles.update(request.userID, ifVersion: request.version, change)
        } catch let error as PostgresError where error.mayHaveHappened {
            await cache.forget(request.userID)
            throw error
        }
    }

    func changePassword(_ request: ChangePassword) async throws -> EmptyResponse {
        var errors = ValidationErrors()
        let current = errors.check("currentPassword", try Password(attempt: request.currentPassword))
        let new = errors.check("newPassword", try Password(new: request.newPassword))
        guard let current, let new else { throw errors.error }
        guard let credentials = try await store.credentials(of: request.userID) else { throw Self.unknown }
        guard try await hasher.verify(current, against: credentials.hash) != .wrong else {
            throw ServiceError(.denied, "the current password is not right")
        }
        let hash = try await hasher.hash(new)
        guard try await store.changePassword(of: credentials, to: hash, keeping: request.sessionID, now: now()) else {
            throw ServiceError(.conflict, "the password was changed by another request")
        }
        return EmptyResponse()
    }

    private static let unknown = ServiceError(.notFound, "there is no such user")
}
