/// The lease that a process has, as far as it knows, and the ids that it may issue under it.
///
/// Pure: it says what to ask the store, and is told what came of it. Ids may be issued in between, under what is known by then.
struct LeaseKeeper {
    let terms: LeaseTerms
    private(set) var lease: GeneratorLease?
    private(set) var sequence: IDSequence?

    init(terms: LeaseTerms) { self.terms = terms }

    /// The mark to ask for, when the lease should be raised now; ``raised(to:isOurs:)`` must follow.
    func dueMark(at now: Int64) -> Int64? {
        guard let lease, terms.needsRenewal(mark: lease.mark, at: now) else { return nil }
        return terms.mark(at: now)
    }

    /// - Parameter isOurs: whether the store still knows us as the holder. If not, nothing is issued any more.
    mutating func raised(to mark: Int64, isOurs: Bool) {
        guard isOurs, let held = lease else { return drop() }
        lease?.mark = max(held.mark, mark)
        sequence?.raise(mark: mark)
    }

    /// The store has given us a number.
    mutating func took(_ taken: GeneratorLease) {
        lease = taken
        sequence = IDSequence(generator: taken.number, first: taken.first, mark: taken.mark)
    }

    /// What to give back, and where the next holder may begin; nothing is issued any more.
    mutating func giveBack() -> (lease: GeneratorLease, mark: Int64)? {
        defer { drop() }
        guard let lease, let sequence else { return nil }
        return (lease, sequence.latest + 1)
    }

    /// Issues ids with `body`; without a lease there are none.
    mutating func issue(_ body: (inout IDSequence) -> IDSequence.Step) -> IDSequence.Step {
        guard var present = sequence else { return .renew }
        defer { sequence = present }
        return body(&present)
    }

    private mutating func drop() { (lease, sequence) = (nil, nil) }
}
