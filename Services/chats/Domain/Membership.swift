import Contracts

/// A user's present or past membership of a chat.
struct Membership: Hashable, Codable, Sendable {
    var role: ChatRole
    /// The chat's `lastSeq` when the user joined.
    var joinedSeq: Int64
    /// The chat's `lastSeq` when the user left; `nil` for a present member.
    var leftSeq: Int64?

    /// Whether the user is a member now. Only present members see anything of a chat.
    var isPresent: Bool { leftSeq == nil }

    /// Whether the member may see the message `seq`. A member sees the messages sent after joining; a member
    /// who left and rejoined, those sent after rejoining.
    func sees(seq: Int64) -> Bool { isPresent && seq > joinedSeq }

    enum CodingKeys: String, CodingKey { case role, joinedSeq, leftSeq }
}

/// Identifies the membership of one user in one chat.
struct MemberKey: Hashable, Sendable {
    let chatID: ChatID
    let userID: UserID
}

extension ServiceError {
    /// The answer to every user who may not see a chat. It does not reveal whether the chat exists.
    static let noSuchChat = ServiceError(.notFound, "the chat does not exist or you are not a member of it")
}
