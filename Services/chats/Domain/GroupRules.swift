import Contracts

/// The permissions of a group: an owner may do everything; an admin adds and removes members and changes the
/// title; every member may leave.
///
/// A group that has members has an owner. The last owner cannot step down. When the last owner leaves,
/// ownership passes to the admin with the longest membership, or else to the member with the longest one.
/// Owners have equal rights.
struct GroupRules: Sendable {
    var kind: ChatKind
    /// The number of present members.
    var memberCount: Int
    /// The role of the acting user; `nil` unless the user is a present member.
    var actor: ChatRole?
    /// The role of the user whose membership changes; `nil` unless the user is a present member.
    var target: ChatRole?
    /// Whether actor and target are the same user.
    var isSelf: Bool
    /// Whether the target was a member and has left.
    var targetLeft = false
    /// Whether the target is the only owner.
    var targetIsLastOwner = false

    enum RoleChange: Hashable, Sendable { case unchanged, add, change }
    enum Removal: Hashable, Sendable { case unchanged, remove, removeAndHandOver }

    /// Decides on giving the target a role, which adds the target if necessary.
    ///
    /// - Throws: `notFound` if the actor is not a member; `invalid` for an unknown role; `denied`; `conflict`
    ///   if the group is full or would lose its last owner.
    func set(_ role: ChatRole) throws(ServiceError) -> RoleChange {
        let actor = try groupMember()
        guard ChatRole.known.contains(role) else { throw .invalid("role", "must be owner, admin or member") }
        guard let target else {
            let allowed = actor == .owner || actor == .admin && role == .member
            guard allowed else {
                throw ServiceError(.denied, "only owners may add owners and admins; only owners and admins may add members")
            }
            guard memberCount < ChatLimits.groupMembers else {
                throw ServiceError(.conflict, "a group can have at most \(ChatLimits.groupMembers) members")
            }
            return .add
        }
        if target == role { return .unchanged }
        let stepsDown = isSelf && actor == .admin && role == .member
        guard actor == .owner || stepsDown else { throw ServiceError(.denied, "only owners may change roles") }
        if targetIsLastOwner { throw ServiceError(.conflict, "a group needs an owner; make another member an owner first") }
        return .change
    }

    /// Decides on removing the target. Removing a user who has already left succeeds.
    ///
    /// - Throws: `notFound` if the actor is not a member or the target never was; `denied`.
    func remove() throws(ServiceError) -> Removal {
        if isSelf, actor == nil, targetLeft { return .unchanged }
        let actor = try groupMember()
        guard let target else {
            guard Self.manages(actor) else { throw Self.removalDenied }
            guard targetLeft else { throw ServiceError(.notFound, "the user is not a member of this chat") }
            return .unchanged
        }
        let allowed = isSelf || actor == .owner || actor == .admin && target == .member
        guard allowed else { throw Self.removalDenied }
        return targetIsLastOwner && memberCount > 1 ? .removeAndHandOver : .remove
    }

    /// Checks whether the actor may change the title.
    ///
    /// - Throws: `notFound` or `denied`.
    func checkRename() throws(ServiceError) {
        guard Self.manages(try groupMember()) else { throw ServiceError(.denied, "only owners and admins may change the title") }
    }

    private static func manages(_ role: ChatRole) -> Bool { role == .owner || role == .admin }

    private static let removalDenied = ServiceError(
        .denied, "only owners may remove owners and admins; only owners and admins may remove members")

    /// Returns the role of the actor in a group.
    private func groupMember() throws(ServiceError) -> ChatRole {
        guard let actor else { throw .noSuchChat }
        guard kind == .group else { throw ServiceError(.denied, "a direct chat has fixed members, no roles and no title") }
        return actor
    }
}
