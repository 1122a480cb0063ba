/// The lease of a process, as far as the process knows, and the ids that it may issue under it.
///
/// Decides what to ask the store and applies the answers. Between question and answer, ids are issued under
/// the last known mark.
struct LeaseKeeper {
    let terms: LeaseTerms
    private(set) var lease: GeneratorLease?
    private(set) var sequence: IDSequence?

    init(terms: LeaseTerms) { self.terms = terms }

    /// Returns the mark to ask the store for, or `nil` if no renewal is due. The caller reports the answer
    /// with ``leaseRenewed(to:isOurs:)``.
    func dueMark(at now: Int64) -> Int64? {
        guard let lease, terms.needsRenewal(mark: lease.mark, at: now) else { return nil }
        return terms.mark(at: now)
    }

    /// Applies the store's answer to a renewal.
    ///
    /// - Parameter isOurs: whether the lease still belongs to this process. If not, no more ids are issued
    ///   under it.
    mutating func leaseRenewed(to mark: Int64, isOurs: Bool) {
        guard isOurs, let held = lease else { return clear() }
        lease?.mark = max(held.mark, mark)
        sequence?.raise(mark: mark)
    }

    /// Begins to issue ids under a new lease.
    mutating func leaseGranted(_ granted: GeneratorLease) {
        lease = granted
        sequence = IDSequence(generator: granted.number, first: granted.first, mark: granted.mark)
    }

    /// Stops issuing ids.
    ///
    /// - Returns: the lease to release and the first millisecond for the next holder.
    mutating func release() -> (lease: GeneratorLease, mark: Int64)? {
        defer { clear() }
        guard let lease, let sequence else { return nil }
        return (lease, sequence.latest + 1)
    }

    /// Issues ids with `body`, or returns `.renew` without a lease.
    mutating func issue(_ body: (inout IDSequence) -> IDSequence.Step) -> IDSequence.Step {
        guard var present = sequence else { return .renew }
        defer { sequence = present }
        return body(&present)
    }

    private mutating func clear() {
        lease = nil
        sequence = nil
    }
}
