import Contracts

/// Who is in a chat, and since which message.
struct Audience: Hashable, Sendable {
    /// In chats of more members than this, only the reader's own devices hear how far they have read, and nobody what has reached whom: what a chat is
    /// told of receipts grows with the square of its members.
    static let mostForReceipts = 100

    private var users: [UserID]
    /// Of each.
    private var joinedSeqs: [Int64]
    private let lastJoinedSeq: Int64

    /// - Parameter joinedSeqs: as many.
    init(users: [UserID], joinedSeqs: [Int64]) {
        (self.users, self.joinedSeqs) = (users, joinedSeqs)
        lastJoinedSeq = joinedSeqs.max() ?? 0
    }

    /// Of a direct chat: both are in it from the beginning, for ever.
    init(_ pair: UserPair) { self.init(users: [pair.low, pair.high], joinedSeqs: [0, 0]) }

    var everybody: [UserID] { users }

    /// Those who were there when a message was sent.
    func whoSee(_ seq: Int64) -> [UserID] {
        if lastJoinedSeq < seq { return users }
        return zip(users, joinedSeqs).filter { $0.1 < seq }.map(\.0)
    }

    /// Who hears how far a member has read.
    func readersOfReceipt(from user: UserID) -> [UserID] { users.count > Self.mostForReceipts ? [user] : users }

    /// Who hears what has reached a member.
    func readersOfDelivered(from user: UserID) -> [UserID] {
        users.count > Self.mostForReceipts ? [] : users.filter { $0 != user }
    }
}
