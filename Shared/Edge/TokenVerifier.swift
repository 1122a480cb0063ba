import Contracts
import Foundation
import JWTKit

/// Verifies access tokens locally: the signature by a known key, the claims, and that the session has not
/// ended since.
package struct TokenVerifier: TokenVerifying {
    private static let maximumHeaderBytes = 4_096

    private let keys: KeySet
    private let revocations: Revocations
    /// Tokens whose signature and claims were checked; a check costs some hundred microseconds.
    private let verified = TwoGenerationCache<TokenBytes, VerifiedToken>(capacity: 20_000)
    /// Seconds since 1970-01-01T00:00:00Z.
    private let now: @Sendable () -> Int

    package init(
        keys: KeySet, revocations: Revocations, now: @escaping @Sendable () -> Int = { Int(Date().timeIntervalSince1970) }
    ) {
        self.keys = keys
        self.revocations = revocations
        self.now = now
    }

    package func verify(_ authorization: String?) async throws -> Caller {
        guard let authorization else { throw TokenError.missing }
        guard authorization.utf8.count <= Self.maximumHeaderBytes, let token = TokenBytes(bearerIn: authorization) else {
            throw TokenError.rejected("The Authorization header must be Bearer <access token>.")
        }
        if let known = verified[token], known.expiresAt > now() { return try requireLiveSession(known.caller) }
        let claims = try await claims(of: token.bytes)
        let caller = Caller(userID: claims.sub, sessionID: claims.sid, roles: claims.roles)
        verified.insert(VerifiedToken(caller: caller, expiresAt: claims.exp), for: token)
        return try requireLiveSession(caller)
    }

    private func requireLiveSession(_ caller: Caller) throws -> Caller {
        switch revocations.verdict(on: caller.sessionID) {
        case .live: caller
        case .revoked: throw TokenError.rejected("This session has ended. Sign in again.")
        case .unknown: throw TokenError.unavailable("Sessions cannot be checked at the moment. Retry in a few seconds.")
        }
    }

    private func claims(of token: [UInt8]) async throws -> AccessToken {
        guard let parsed = try? DefaultJWTParser().parse(token, as: Claims.self), parsed.header.alg == "EdDSA",
            let kid = parsed.header.kid
        else {
            try await keys.requireAny()
            throw TokenError.rejected("The access token is not well-formed. Sign in again.")
        }
        guard let key = try await keys.key(named: kid) else {
            throw TokenError.rejected("The access token is signed with an unknown key. Sign in again.")
        }
        guard let claims = try? await key.verify(token, as: Claims.self).token else {
            throw TokenError.rejected("The signature of the access token is not valid. Sign in again.")
        }
        guard claims.iss == AccessToken.issuer, claims.aud == AccessToken.audience else {
            throw TokenError.rejected("The access token was issued for another service. Sign in here.")
        }
        guard claims.exp > now() else { throw TokenError.rejected("The access token has expired. Refresh the session.") }
        return claims
    }

    private struct VerifiedToken {
        let caller: Caller
        /// Seconds since 1970-01-01T00:00:00Z.
        let expiresAt: Int
    }

    private struct Claims: JWTPayload {
        let token: AccessToken
        init(from decoder: any Decoder) throws { token = try AccessToken(from: decoder) }
        func encode(to encoder: any Encoder) throws { try token.encode(to: encoder) }
        func verify(using algorithm: some JWTAlgorithm) {}
    }
}

/// A token as it was sent. Two tokens are equal if their bytes are; strings would also be equal if only their
/// Unicode normalisations are.
struct TokenBytes: Hashable {
    let bytes: [UInt8]

    /// - Parameter authorization: `Bearer <token>`, the scheme in any case (RFC 9110, 11.1); else `nil`.
    init?(bearerIn authorization: String) {
        var authorization = authorization
        let token = authorization.withUTF8 { header -> [UInt8]? in
            let scheme = "bearer".utf8
            guard header.count > scheme.count, zip(scheme, header).allSatisfy({ $0 == $1 | 0x20 }),
                header[scheme.count] == UInt8(ascii: " ")
            else { return nil }
            return Array(header.dropFirst(scheme.count + 1))
        }
        guard let token else { return nil }
        bytes = token
    }

    /// The bytes in one piece: `Array` combines them one by one.
    func hash(into hasher: inout Hasher) { bytes.withUnsafeBytes { hasher.combine(bytes: $0) } }
}
