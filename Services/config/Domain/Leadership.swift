/// Whether this instance leads, and when it has to ask for that.
///
/// The row in Postgres decides: it names the leader, its term, and until when, by the database's clock. Whoever finds it run out takes it with the next
/// term. A leader that is late loses nothing as long as nobody has; whatever it writes names its term, so that what it writes too late is refused.
struct Leadership: Sendable {
    enum Ask: Hashable, Sendable {
        /// Take the row, if it has run out.
        case take
        case renew(term: Int64)
    }

    private let renewal: Duration
    /// `nil`: another one leads, or nobody.
    private(set) var term: Int64?
    private var asked: Duration?

    init(_ terms: LeaseTerms) { renewal = terms.renewal }

    /// What to ask now.
    ///
    /// - Parameter isConnected: to the broker. Who hears no members must not lead: it neither takes nor keeps the row.
    mutating func due(at now: Duration, isConnected: Bool) -> Ask? {
        guard isConnected, asked.map({ now - $0 >= renewal }) ?? true else { return nil }
        asked = now
        return term.map { .renew(term: $0) } ?? .take
    }

    /// - Parameter term: ours; `nil` when the row is somebody else's.
    mutating func settled(_ term: Int64?) { self.term = term }
}
