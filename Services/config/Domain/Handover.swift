import Contracts

/// The transfer of one partition to its next owner, in steps that the leader writes under new epochs.
///
/// - *Prepared*: the next owner binds the partition's deliveries; the previous owner still accepts its users.
/// - *Committed*: routes lead to the next owner, and the previous owner disconnects its clients.
/// - *Finished*: the next owner accepts the users, the previous owner unbinds, and the handover is removed.
///
/// A step follows only on the report of a member that has seen the step before.
struct Handover: Hashable, Sendable {
    enum Step: Hashable, Sendable {
        case prepared
        /// - Parameter at: the epoch from which the previous owner must not accept users.
        case committed(at: Int64)
    }

    /// The member that accepts the users while the handover is prepared; `nil` when there is none.
    var previous: MemberID?
    let next: MemberID
    /// The epoch from which the next owner must bind.
    let since: Int64
    var step: Step

    var isCommitted: Bool { step != .prepared }
}

extension Handover {
    /// The state of the handover after the members' latest reports.
    enum Progress: Hashable, Sendable {
        case inProgress(Handover)
        /// The next owner accepts the users from now on.
        case finished
        /// The previous owner keeps the partition.
        case returned(to: MemberID)
        /// The partition has no owner.
        case abandoned
    }

    /// - Parameters:
    ///   - members: the live members with their latest reports.
    ///   - serving: the number of members that report the partition as served.
    ///   - epoch: of the change that the result becomes part of.
    func progress(
        of partition: Int, among members: [MemberID: MemberReport], serving: Int, at epoch: Int64
    ) -> Progress {
        var handover = self
        if let former = previous, members[former] == nil { handover.previous = nil }
        guard let receiver = members[next], !receiver.isLeaving else {
            return handover.previous.map { .returned(to: $0) } ?? .abandoned
        }
        let isBound = receiver.epoch >= since && receiver.bound.contains(partition)
        switch handover.step {
        case .prepared where isBound || handover.previous == nil:
            handover.step = .committed(at: epoch)
            return .inProgress(handover)
        case .committed(let epoch) where isBound && handover.isReleased(among: members, by: epoch):
            // Wait for every member that reports connections of the partition, whether it should have them or
            // not.
            return serving > (receiver.served.contains(partition) ? 1 : 0) ? .inProgress(handover) : .finished
        default: return .inProgress(handover)
        }
    }

    /// Whether the previous owner has seen the epoch from which it must not accept users.
    ///
    /// Earlier reports do not count: an older answer that is still on its way could make the owner accept
    /// users again.
    private func isReleased(among members: [MemberID: MemberReport], by epoch: Int64) -> Bool {
        previous.flatMap { members[$0] }.map { $0.epoch >= epoch } ?? true
    }
}
