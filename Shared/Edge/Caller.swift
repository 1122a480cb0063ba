import Contracts

/// Tells who an access token speaks for.
package protocol TokenVerifying: Sendable {
    /// - Parameter authorization: the `Authorization` header.
    /// - Throws: ``TokenError``.
    func verify(_ authorization: String?) async throws -> Caller
}

/// Who asks, as their access token says.
package struct Caller: Hashable, Sendable {
    package let userID: UserID
    package let sessionID: SessionID
    package let roles: [Role]

    package init(userID: UserID, sessionID: SessionID, roles: [Role]) {
        (self.userID, self.sessionID, self.roles) = (userID, sessionID, roles)
    }
}

/// Why nobody is let in; for people, and naming nothing of the token.
package enum TokenError: Error, Equatable {
    /// No token, a bad one, or an ended session: 401.
    case rejected(String)
    /// This edge cannot tell at the moment: 503, never 401.
    case unavailable(String)

    package static let missing = rejected("Sign in and send the access token as Authorization: Bearer <token>.")
}
