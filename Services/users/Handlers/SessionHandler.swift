import Cache
import Contracts
import Logging

/// Handles the procedures of sessions and tokens.
struct SessionHandler: Sendable {
    let store: SessionStore
    let accounts: AccountStore
    let cache: UserCaches
    let hasher: PasswordHasher
    let keys: KeyRing
    let nextID: @Sendable () async throws -> Int64
    let now: @Sendable () -> Timestamp
    let logger: Logger

    /// Gives the same answer and does the same work for an unknown user as for a wrong password: one hash at
    /// the current cost.
    func logIn(_ request: LogIn) async throws -> LogIn.Response {
        let (name, password, device) = try Self.parts(of: request)
        // The hash comes last: it costs more than everything that can fail before it.
        let id = SessionID(rawValue: try await nextID())
        let key = try await keys.current()
        // An impossible username is treated like an unknown one.
        let username = try? Username(name)
        let credentials =
            if let username { try await accounts.credentials(of: username) } else { nil as AccountStore.Credentials? }
        let verdict = try await hasher.verify(password, against: credentials?.hash)
        guard let credentials, verdict != .wrong else { throw Self.wrongCredentials }
        guard let account = try await cache.accounts.get(credentials.userID, .checked) else { throw Self.wrongCredentials }
        // Without room in the hashing queue the old hash stays until the next log-in.
        let rehashed = verdict == .rightWithOldCost ? try? await hasher.hash(password) : nil
        let (stampKey, startedAt) = (Sodium.random(32), now())
        let token = RefreshToken(for: id, stampKey: stampKey)
        let session = SessionStore.NewSession(
            id: id, userID: credentials.userID, device: device, stampKey: stampKey, refreshHash: token.hash, createdAt: startedAt,
            expiresAt: startedAt + store.lifetimes().refresh)
        guard let holder = try await store.start(session, checked: credentials, rehashed: rehashed) else {
            throw Self.wrongCredentials
        }
        return LogIn.Response(
            tokens: try await tokens(for: holder, session: id, refresh: token, signedBy: key), user: account.user)
    }

    private static func parts(of request: LogIn) throws(ServiceError) -> (String, Password, DeviceName) {
        var errors = ValidationErrors()
        let username = errors.check("username", try request.username.validated(length: 1...256))
        let password = errors.check("password", try Password(attempt: request.password))
        let device = errors.check("device", try DeviceName(request.device))
        guard let username, let password, let device else { throw errors.error }
        return (username, password, device)
    }

    private static let wrongCredentials = ServiceError(.unauthenticated, "the username or the password is wrong")

    func refresh(_ request: RefreshSession) async throws -> Tokens {
        guard let token = RefreshToken(request.refreshToken) else { throw Self.invalidToken }
        // The key comes first: a used refresh token cannot be used again if there is no key to sign with.
        let key = try await keys.current()
        switch try await store.renew(token, now: now()) {
        case .renewed(let holder, let next):
            return try await tokens(for: holder, session: token.sessionID, refresh: next, signedBy: key)
        case .refused: throw Self.invalidToken
        case .replayed(let user):
            logger.notice(
                "refresh token replayed; session revoked",
                metadata: ["user_id": "\(user)", "session_id": "\(token.sessionID)"])
            throw Self.invalidToken
        }
    }

    private static let invalidToken = ServiceError(.unauthenticated, "the refresh token is not valid; log in again")

    private func tokens(
        for holder: SessionStore.Holder, session: SessionID, refresh: RefreshToken, signedBy key: SigningKey
    ) async throws -> Tokens {
        let (issued, lifetime) = (now().secondsSinceEpoch, Int(store.lifetimes().access.components.seconds))
        let token = AccessToken(
            sub: holder.userID, sid: session, name: holder.username, roles: holder.roles, iat: issued, exp: issued + lifetime)
        return Tokens(accessToken: try await key.sign(token), refreshToken: refresh.text, expiresIn: lifetime)
    }
}

extension SessionHandler {
    func list(_ request: ListSessions) async throws -> Page<Session> {
        let limit = try validated("limit", try PageLimit(request.limit ?? PageLimit.most))
        let after = try validated("after", try request.after.map(PageCursor.init(base36:)))
        let found = try await store.list(
            of: request.userID, after: after, limit: limit, asking: request.sessionID, now: now())
        return Page(of: found, limit: limit) { PageCursor(time: $0.createdAt, id: $0.id.rawValue).base36 }
    }

    func revoke(_ request: RevokeSession) async throws -> EmptyResponse {
        guard try await store.revoke(request.sessionID, of: request.userID, now: now()) else {
            throw ServiceError(.notFound, "there is no such session")
        }
        return EmptyResponse()
    }

    func revocations(_ request: ListRevocations) async throws -> ListRevocations.Response {
        let after = try validated("after", try request.after.map(PageCursor.init(base36:)))
        let window = RevocationWindow(since: request.since, now: now())
        let found = try await store.revocations(since: window.start, after: after)
        let part = found.prefix(SessionStore.mostInOneAnswer)
        let next = found.count > part.count ? part.last : nil
        return ListRevocations.Response(
            sessionIDs: part.map { $0.id }, next: next.map { PageCursor(time: $0.revokedAt, id: $0.id.rawValue).base36 })
    }
}
