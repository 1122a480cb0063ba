import Contracts

/// A valid request for a new account.
struct Registration {
    let username: Username
    let password: Password
    let displayName: DisplayName
    let key: IdempotencyKey?

    /// - Throws: `invalid` with every field that is not valid.
    init(_ request: RegisterUser) throws(ServiceError) {
        var errors = ValidationErrors()
        let username = errors.check("username", try Username(request.username))
        let password = errors.check("password", try Password(new: request.password))
        let displayName = errors.check("displayName", try DisplayName(request.displayName))
        let key = errors.check("Idempotency-Key", try request.idempotencyKey.map(IdempotencyKey.init))
        guard let username, let password, let displayName, let key else { throw errors.error }
        self.username = username
        self.password = password
        self.displayName = displayName
        self.key = key
    }
}

/// A client's key for one registration: 1–128 characters.
struct IdempotencyKey: Hashable {
    let text: String
    init(_ text: String) throws(ValidationError) { self.text = try text.validated(length: 1...128) }
}
