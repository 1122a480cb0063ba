/// A lease on a generator number: the right to issue ids with it, as stored in Postgres.
struct GeneratorLease: Equatable, Sendable {
    /// 0…1,023.
    let number: Int64
    /// The fencing token. It increases with every holder, and the store ignores a holder with an older one.
    let fence: Int64
    /// The first millisecond of this lease, since 2024-01-01T00:00:00Z. The marks of all earlier holders are
    /// at or below it.
    let first: Int64
    /// The first millisecond after the lease.
    var mark: Int64
}

/// How far ahead of the clock the mark of a lease is kept, in milliseconds.
struct LeaseTerms: Equatable, Sendable {
    /// The distance of a new mark from the clock: how long ids can be issued while Postgres is away.
    var ahead: Int64
    /// The mark is raised when less than this is left.
    var renewBelow: Int64

    static let standard = LeaseTerms(ahead: 60_000, renewBelow: 50_000)

    func mark(at now: Int64) -> Int64 { now + ahead }
    func needsRenewal(mark: Int64, at now: Int64) -> Bool { mark - now < renewBelow }
}

/// Stores the leases of all generator numbers.
protocol LeaseStore: Sendable {
    /// Leases a number whose mark has passed, under a new fencing token.
    ///
    /// - Parameters:
    ///   - now: the new holder's clock, in milliseconds since 2024-01-01T00:00:00Z.
    ///   - mark: the first millisecond after the lease.
    /// - Returns: `nil` if the mark of every number is after `now`.
    func acquire(holder: String, now: Int64, mark: Int64) async throws -> GeneratorLease?

    /// Raises the mark, unless another holder has leased the number since. Never lowers it.
    ///
    /// - Returns: whether the lease still belongs to this holder.
    func renew(_ lease: GeneratorLease, to mark: Int64) async throws -> Bool

    /// Ends the lease, so that the next holder begins at `mark`. Does nothing if another holder has leased
    /// the number.
    func release(_ lease: GeneratorLease, at mark: Int64) async throws
}
