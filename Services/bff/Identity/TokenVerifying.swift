/// Tells who an access token speaks for.
protocol TokenVerifying: Sendable {
    /// - Parameter authorization: the `Authorization` header.
    /// - Throws: ``Problem``: 401 for no token, a bad one or an ended session; 503 when this edge cannot tell.
    func verify(_ authorization: String?) async throws -> Caller
}
