import Contracts

/// The members of a chat, each with the `seq` after which they joined.
struct Audience: Hashable, Sendable {
    /// The largest number of members for which every member receives every receipt, 100.
    ///
    /// The receipts of a chat grow with the square of its members. In larger chats a read marker goes to the
    /// reader's own devices only, and a delivered marker to no device.
    static let receiptLimit = 100

    let members: [UserID]
    /// One value per member.
    private let joinedSeqs: [Int64]
    private let lastJoinedSeq: Int64

    /// - Parameter joinedSeqs: one value per member, in the order of `members`.
    init(members: [UserID], joinedSeqs: [Int64]) {
        self.members = members
        self.joinedSeqs = joinedSeqs
        lastJoinedSeq = joinedSeqs.max() ?? 0
    }

    /// The audience of a direct chat: both users are members from its creation on and cannot leave.
    init(_ pair: UserPair) { self.init(members: [pair.low, pair.high], joinedSeqs: [0, 0]) }

    /// Returns the members who had joined before the message `seq` was sent.
    func recipients(ofMessage seq: Int64) -> [UserID] {
        if lastJoinedSeq < seq { return members }
        return zip(members, joinedSeqs).filter { $0.1 < seq }.map(\.0)
    }

    /// Returns the recipients of a read marker of `user`.
    func recipients(ofReadMarkerFrom user: UserID) -> [UserID] { members.count > Self.receiptLimit ? [user] : members }

    /// Returns the recipients of a delivered marker of `user`.
    func recipients(ofDeliveredMarkerFrom user: UserID) -> [UserID] {
        members.count > Self.receiptLimit ? [] : members.filter { $0 != user }
    }
}
