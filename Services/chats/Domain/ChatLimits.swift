/// The limits of chats. Lengths are in characters (Unicode scalars).
enum ChatLimits {
    static let text = 1...8_000
    static let title = 1...200
    static let clientMessageID = 1...64
    static let idempotencyKey = 1...128
    /// The number of members that a group may have, its creator included.
    static let groupMembers = 1_000
}
