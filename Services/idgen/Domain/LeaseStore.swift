/// Where generator numbers are kept.
protocol LeaseStore: Sendable {
    /// Takes a number whose mark has passed, under a new fence.
    ///
    /// - Parameters:
    ///   - now: milliseconds since 2024-01-01T00:00:00Z on the taker's clock.
    ///   - mark: up to where the taker may issue.
    /// - Returns: `nil` when every number's mark lies ahead of `now`.
    func take(holder: String, now: Int64, mark: Int64) async throws -> GeneratorLease?

    /// Raises the mark, unless somebody else has taken the number since; it never sinks.
    ///
    /// - Returns: whether the lease is still this holder's.
    func raise(_ lease: GeneratorLease, to mark: Int64) async throws -> Bool

    /// Gives the number back: whoever takes it next begins at `mark`. Does nothing when somebody else has taken it.
    func release(_ lease: GeneratorLease, at mark: Int64) async throws
}
