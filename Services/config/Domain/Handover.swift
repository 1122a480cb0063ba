import Contracts

/// A partition on its way from one owner to another, or from nobody to one.
///
/// *Prepared*: the next owner binds its deliveries, the previous one goes on. *Committed*: the route leads to the next one, the previous one closes its clients.
/// *Finished* is not kept: the next owner accepts its users, the previous one unbinds. Each step is taken on the word of a party that has seen the step before.
struct Handover: Hashable, Sendable {
    enum Step: Hashable, Sendable {
        case prepared
        /// - Parameter at: the epoch from which the previous owner may not accept users any more.
        case committed(at: Int64)
    }

    /// Who may accept its users while it is prepared; `nil` when nobody may.
    var previous: MemberID?
    let next: MemberID
    /// The epoch from which the next owner is to bind.
    let since: Int64
    var step: Step

    var isCommitted: Bool { step != .prepared }
}

extension Handover {
    /// What becomes of it.
    enum Outcome: Hashable, Sendable {
        case stays(Handover)
        /// The next owner accepts its users from now on.
        case finished
        /// The previous owner has it, as before.
        case givenBack(MemberID)
        /// Nobody has it.
        case dropped
    }

    /// - Parameters:
    ///   - members: those who live, with what they last said.
    ///   - serving: how many of them say that they serve the partition.
    ///   - epoch: of the change that the outcome will be part of.
    func outcome(
        of partition: Int, among members: [MemberID: MemberReport], serving: Int, at epoch: Int64
    ) -> Outcome {
        var handover = self
        if let former = previous, members[former] == nil { handover.previous = nil }
        guard let taker = members[next], !taker.isLeaving else { return handover.previous.map { .givenBack($0) } ?? .dropped }
        let isBound = taker.epoch >= since && taker.bound.contains(partition)
        switch handover.step {
        case .prepared where isBound || handover.previous == nil:
            handover.step = .committed(at: epoch)
            return .stays(handover)
        case .committed(let epoch) where isBound && handover.isReleased(among: members, by: epoch):
            // Whoever says that it has some of its users, with whatever right, is waited for.
            return serving > (taker.served.contains(partition) ? 1 : 0) ? .stays(handover) : .finished
        default: return .stays(handover)
        }
    }

    /// Whether the previous owner has seen that it may not accept its users. What it said before it saw that does not count, as an older answer on its way
    /// could have it accept them yet.
    private func isReleased(among members: [MemberID: MemberReport], by epoch: Int64) -> Bool {
        previous.flatMap { members[$0] }.map { $0.epoch >= epoch } ?? true
    }
}
