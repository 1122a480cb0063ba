/// The right to issue ids with one generator number, as Postgres has it.
struct GeneratorLease: Equatable, Sendable {
    /// 0…1,023.
    let number: Int64
    /// Grows with every holder of the number: who holds an old one can do nothing.
    let fence: Int64
    /// The first millisecond of this lease, since 2024-01-01T00:00:00Z: every earlier holder's mark lies at or below it.
    let first: Int64
    /// The first millisecond that is not ours.
    var mark: Int64
}

/// How far ahead the mark is kept, in milliseconds.
struct LeaseTerms: Equatable, Sendable {
    /// A raised mark is this far ahead of the clock: how long ids go on while Postgres is away.
    var ahead: Int64
    /// Raised again when less than this is left.
    var renewBelow: Int64

    static let standard = LeaseTerms(ahead: 60_000, renewBelow: 50_000)

    func mark(at now: Int64) -> Int64 { now + ahead }
    func needsRenewal(mark: Int64, at now: Int64) -> Bool { mark - now < renewBelow }
}
