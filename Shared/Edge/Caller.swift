import Contracts

/// Verifies access tokens.
package protocol TokenVerifying: Sendable {
    /// - Parameter authorization: the value of the `Authorization` header.
    /// - Throws: ``TokenError``.
    func verify(_ authorization: String?) async throws -> Caller
}

/// The user who makes a request, by the claims of the access token.
package struct Caller: Hashable, Sendable {
    package let userID: UserID
    package let sessionID: SessionID
    package let roles: [Role]

    package init(userID: UserID, sessionID: SessionID, roles: [Role]) {
        self.userID = userID
        self.sessionID = sessionID
        self.roles = roles
    }
}

/// Why a request has no ``Caller``. The texts are for people and contain nothing of the token.
package enum TokenError: Error, Equatable {
    /// No token, an invalid one, or one of an ended session: 401.
    case rejected(String)
    /// Nothing can be said about the token at present: 503, never 401.
    case unavailable(String)

    package static let missing = rejected("Send an access token as Authorization: Bearer <token>.")
}
