import Contracts

/// What stands between two people, seen from neither: the rules of invite, accept, cancel, remove and block over both sides at once.
///
/// The two are told apart by their ids, `low` and `high`, so that a pair is one thing, whoever looks.
struct Tie: Equatable, Sendable {
    enum Side: Sendable, CaseIterable {
        case low, high
        var other: Side { self == .low ? .high : .low }
    }

    enum Bond: Equatable, Sendable {
        case none
        case invited(by: Side)
        case connected
    }

    enum Refusal: Error, Equatable {
        /// Nobody has invited.
        case noInvitation
        /// The other one has to accept, not the one who invited.
        case ownInvitation
        /// It is more than an invitation by now: to be removed, not cancelled.
        case connected
        /// It is an invitation yet: to be cancelled, not removed.
        case notConnected
        /// The one who takes the step has blocked the other.
        case blocking
        /// The other has blocked the one who takes the step.
        case blocked
    }

    private(set) var bond = Bond.none
    /// Who has blocked the other.
    private(set) var blockers: Set<Side> = []

    init(bond: Bond = .none, blockers: Set<Side> = []) {
        self.bond = bond
        self.blockers = blockers
    }

    /// As `side` sees it.
    func status(for side: Side) -> Contact.Status? {
        switch bond {
        case .none: nil
        case .connected: .connected
        case .invited(let by): by == side ? .sent : .received
        }
    }

    /// Takes a step. One that is done already leaves everything as it is. Two invitations, one from each side, are a connection.
    mutating func take(_ step: ChangeContact.Step, by side: Side) throws(Refusal) {
        switch step {
        case .invite: try invite(by: side)
        case .accept: try accept(by: side)
        case .cancel: try cancel()
        case .remove: try remove()
        }
    }

    /// Sets or lifts the block of the other one. A block ends what was between the two; lifting it brings nothing back.
    mutating func block(_ blocked: Bool, by side: Side) {
        if blocked {
            blockers.insert(side)
            bond = .none
        } else {
            blockers.remove(side)
        }
    }

    private mutating func invite(by side: Side) throws(Refusal) {
        if blockers.contains(side) { throw .blocking }
        if blockers.contains(side.other) { throw .blocked }
        switch bond {
        case .none: bond = .invited(by: side)
        case .invited(by: side.other): bond = .connected
        case .invited, .connected: break
        }
    }

    private mutating func accept(by side: Side) throws(Refusal) {
        switch bond {
        case .none: throw .noInvitation
        case .invited(by: side): throw .ownInvitation
        case .invited: bond = .connected
        case .connected: break
        }
    }

    /// The one who invited withdraws, the other declines.
    private mutating func cancel() throws(Refusal) {
        if bond == .connected { throw .connected }
        bond = .none
    }

    private mutating func remove() throws(Refusal) {
        if case .invited = bond { throw .notConnected }
        bond = .none
    }
}

extension UserPair {
    func side(of user: UserID) -> Tie.Side { user == low ? .low : .high }
    func user(_ side: Tie.Side) -> UserID { side == .low ? low : high }
}

extension Tie.Refusal {
    var serviceError: ServiceError {
        switch self {
        case .noInvitation: ServiceError(.conflict, "there is no invitation to accept")
        case .ownInvitation: ServiceError(.conflict, "the invitation is yours; the other one accepts it")
        case .connected: ServiceError(.conflict, "you are connected; remove the connection instead")
        case .notConnected: ServiceError(.conflict, "you are not connected; cancel the invitation instead")
        case .blocking: ServiceError(.conflict, "you have blocked this user")
        case .blocked: ServiceError(.denied, "this user cannot be invited by you")
        }
    }
}
