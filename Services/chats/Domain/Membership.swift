import Contracts

/// How somebody stands, or stood, in a chat.
struct Membership: Hashable, Codable, Sendable {
    var role: ChatRole
    /// `lastSeq` of the chat at the moment of joining.
    var joinedSeq: Int64
    /// `lastSeq` of the chat at the moment of leaving; `nil` while a member.
    var leftSeq: Int64?

    /// Whether this is a member now; only members see anything of a chat.
    var isPresent: Bool { leftSeq == nil }

    /// A member sees what was sent from the moment of joining on; after leaving and coming back, from coming back on.
    func sees(seq: Int64) -> Bool { isPresent && seq > joinedSeq }

    enum CodingKeys: String, CodingKey { case role, joinedSeq, leftSeq }
}

/// One of the two ends of being in a chat.
struct MemberKey: Hashable, Sendable {
    let chatID: ChatID
    let userID: UserID
}

extension ServiceError {
    /// What everybody gets who may not see a chat, whether it exists or not.
    static let noSuchChat = ServiceError(.notFound, "there is no such chat, or it is not yours to see")
}
