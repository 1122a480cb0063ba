import Contracts

/// Who may do what to whom in a chat: owners everything; admins add and remove members and change the title; everybody may leave.
///
/// A group that has members has an owner. The last owner cannot step down, and leaves by handing over: to the admin who has been in the group
/// longest, or else the member who has. Owners are equals.
struct GroupRules: Sendable {
    var kind: ChatKind
    /// Those who have not left.
    var memberCount: Int
    /// Who acts; `nil` for those who are not in the chat.
    var actor: ChatRole?
    /// Whom it is about; `nil` for those who are not in the chat now.
    var target: ChatRole?
    var isSelf: Bool
    /// The target has been in the chat before.
    var targetLeft = false
    /// The target is an owner, and there is no other.
    var targetIsLastOwner = false

    enum Setting: Hashable, Sendable { case unchanged, add, change }
    enum Removal: Hashable, Sendable { case unchanged, remove, removeAndHandOver }

    /// - Throws: `notFound` when the actor is not in the chat, `invalid` for a role that nobody knows, `denied`, or `conflict` for a full group and for the
    ///   last owner.
    func set(_ role: ChatRole) throws(ServiceError) -> Setting {
        let actor = try groupMember()
        guard ChatRole.known.contains(role) else { throw .invalid("role", "must be owner, admin or member") }
        guard let target else {
            let allowed = actor == .owner || actor == .admin && role == .member
            guard allowed else {
                throw ServiceError(.denied, "only owners add owners and admins, only they and admins add members")
            }
            guard memberCount < ChatLimits.groupMembers else {
                throw ServiceError(.conflict, "a group has at most \(ChatLimits.groupMembers) members")
            }
            return .add
        }
        if target == role { return .unchanged }
        let stepsDown = isSelf && actor == .admin && role == .member
        guard actor == .owner || stepsDown else { throw ServiceError(.denied, "only owners change roles") }
        if targetIsLastOwner { throw ServiceError(.conflict, "a group keeps an owner: make somebody else one first") }
        return .change
    }

    /// - Throws: `notFound` when one of the two was never in the chat or the actor is not in it now, or `denied`.
    func remove() throws(ServiceError) -> Removal {
        if isSelf, actor == nil, targetLeft { return .unchanged }
        let actor = try groupMember()
        guard let target else {
            guard Self.manages(actor) else { throw Self.notYours }
            guard targetLeft else { throw ServiceError(.notFound, "they are not in this chat") }
            return .unchanged
        }
        let allowed = isSelf || actor == .owner || actor == .admin && target == .member
        guard allowed else { throw Self.notYours }
        return targetIsLastOwner && memberCount > 1 ? .removeAndHandOver : .remove
    }

    /// - Throws: `notFound` or `denied`.
    func rename() throws(ServiceError) {
        guard Self.manages(try groupMember()) else { throw ServiceError(.denied, "only owners and admins change the title") }
    }

    private static func manages(_ role: ChatRole) -> Bool { role == .owner || role == .admin }

    private static let notYours = ServiceError(
        .denied, "only owners remove owners and admins, only they and admins remove members")

    private func groupMember() throws(ServiceError) -> ChatRole {
        guard let actor else { throw .noSuchChat }
        guard kind == .group else { throw ServiceError(.denied, "a direct chat has its two people, no roles and no title") }
        return actor
    }
}
