import Contracts
import Foundation
import JWTKit

/// Verifies access tokens here, at the edge: signature by a known key, claims, and that the session was not revoked since.
package struct TokenVerifier: TokenVerifying {
    private let keys: KeySet
    private let revocations: Revocations
    private let verified = VerifiedTokens(capacity: 20_000)
    /// Seconds since 1970-01-01T00:00:00Z.
    private let now: @Sendable () -> Int

    package init(
        keys: KeySet, revocations: Revocations, now: @escaping @Sendable () -> Int = { Int(Date().timeIntervalSince1970) }
    ) {
        (self.keys, self.revocations, self.now) = (keys, revocations, now)
    }

    package func verify(_ authorization: String?) async throws -> Caller {
        guard let authorization else { throw TokenError.missing }
        guard authorization.utf8.count <= 4_096, authorization.prefix(7).lowercased() == "bearer " else {
            throw TokenError.rejected("The Authorization header must be Bearer <access token>.")
        }
        let token = String(authorization.dropFirst(7))
        if let known = verified[token], known.expiresAt > now() { return try live(known.caller) }
        let claims = try await check(token)
        let caller = Caller(userID: claims.sub, sessionID: claims.sid, roles: claims.roles)
        verified.insert(VerifiedTokens.Entry(caller: caller, expiresAt: claims.exp), for: token)
        return try live(caller)
    }

    private func live(_ caller: Caller) throws -> Caller {
        switch revocations.verdict(on: caller.sessionID) {
        case .live: caller
        case .revoked: throw TokenError.rejected("This session has ended. Sign in again.")
        case .unknown: throw TokenError.unavailable("It cannot be told at the moment which sessions have ended.")
        }
    }

    private func check(_ token: String) async throws -> AccessToken {
        let bytes = Array(token.utf8)
        guard let parsed = try? DefaultJWTParser().parse(bytes, as: Claims.self), parsed.header.alg == "EdDSA",
            let kid = parsed.header.kid
        else {
            try await keys.requireAny()
            throw TokenError.rejected("The access token is not a JWT of ours.")
        }
        guard let key = try await keys.key(named: kid) else {
            throw TokenError.rejected("The access token was signed by no key of ours.")
        }
        guard let claims = try? await key.verify(bytes, as: Claims.self).token else {
            throw TokenError.rejected("The access token is forged or damaged.")
        }
        guard claims.iss == AccessToken.issuer, claims.aud == AccessToken.audience else {
            throw TokenError.rejected("The access token is meant for somebody else.")
        }
        guard claims.exp > now() else { throw TokenError.rejected("The access token has expired. Refresh the session.") }
        return claims
    }

    private struct Claims: JWTPayload {
        let token: AccessToken
        init(from decoder: any Decoder) throws { token = try AccessToken(from: decoder) }
        func encode(to encoder: any Encoder) throws { try token.encode(to: encoder) }
        func verify(using algorithm: some JWTAlgorithm) {}
    }
}
