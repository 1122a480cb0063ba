import Contracts

/// The contact and the blocks between two users: the rules of invite, accept, cancel, remove and block over
/// both sides at once.
///
/// The sides are `low` and `high` by user id, so that a pair has one relationship. Two invitations, one from
/// each side, connect the pair.
struct Relationship: Equatable, Sendable {
    enum Side: Sendable, CaseIterable {
        case low, high
        var other: Side { self == .low ? .high : .low }
    }

    private(set) var state = RelationshipState.none
    /// The sides that have blocked the other.
    private(set) var blockers: Set<Side> = []

    init(state: RelationshipState = .none, blockers: Set<Side> = []) {
        self.state = state
        self.blockers = blockers
    }

    /// The status of the contact as `side` sees it.
    func status(for side: Side) -> Contact.Status? {
        switch state {
        case .none: nil
        case .connected: .connected
        case .invited(let by): by == side ? .sent : .received
        }
    }

    /// Applies a step. A step that has been taken already changes nothing.
    mutating func apply(_ step: ChangeContact.Step, by side: Side) throws(RelationshipError) {
        switch step {
        case .invite: try invite(by: side)
        case .accept: try accept(by: side)
        case .cancel: try cancel()
        case .remove: try remove()
        }
    }

    /// Sets or lifts the block that `side` has put on the other side. A block ends the contact; lifting it
    /// does not restore the contact.
    mutating func setBlock(_ blocked: Bool, by side: Side) {
        if blocked {
            blockers.insert(side)
            state = .none
        } else {
            blockers.remove(side)
        }
    }

    private mutating func invite(by side: Side) throws(RelationshipError) {
        if blockers.contains(side) { throw .blocking }
        if blockers.contains(side.other) { throw .blocked }
        switch state {
        case .none: state = .invited(by: side)
        case .invited(by: side.other): state = .connected
        case .invited, .connected: break
        }
    }

    private mutating func accept(by side: Side) throws(RelationshipError) {
        switch state {
        case .none: throw .noInvitation
        case .invited(by: side): throw .ownInvitation
        case .invited: state = .connected
        case .connected: break
        }
    }

    /// The side that invited withdraws the invitation; the other side declines it.
    private mutating func cancel() throws(RelationshipError) {
        if state == .connected { throw .connected }
        state = .none
    }

    private mutating func remove() throws(RelationshipError) {
        if case .invited = state { throw .notConnected }
        state = .none
    }
}

enum RelationshipState: Equatable, Sendable {
    case none
    case invited(by: Relationship.Side)
    case connected
}

/// The rule that a step breaks.
enum RelationshipError: Error, Equatable {
    /// There is no invitation to accept.
    case noInvitation
    /// A user accepts their own invitation.
    case ownInvitation
    /// A connected contact is removed, not cancelled.
    case connected
    /// An invitation is cancelled, not removed.
    case notConnected
    /// The inviting user has blocked the other.
    case blocking
    /// The other user has blocked the inviting one.
    case blocked

    var serviceError: ServiceError {
        switch self {
        case .noInvitation: ServiceError(.conflict, "there is no invitation to accept")
        case .ownInvitation: ServiceError(.conflict, "the invitation is yours; only the other user can accept it")
        case .connected: ServiceError(.conflict, "you are connected; remove the connection instead")
        case .notConnected: ServiceError(.conflict, "you are not connected; cancel the invitation instead")
        case .blocking: ServiceError(.conflict, "you have blocked this user; unblock them first")
        case .blocked: ServiceError(.denied, "you cannot invite this user")
        }
    }
}

extension UserPair {
    func side(of user: UserID) -> Relationship.Side { user == low ? .low : .high }
    func user(_ side: Relationship.Side) -> UserID { side == .low ? low : high }
}
