import Contracts

/// Drafts that are tried together, and what follows when that fails: again, or in smaller parts, or not at all.
struct BatchSegment: Sendable {
    /// How often the same drafts are tried together.
    static let attempts = 3

    /// A smaller part, with the places of its drafts.
    typealias Piece = (places: [Int], part: BatchSegment)

    struct Failure {
        /// The same drafts again, after a rest, if there is time for one.
        var isWorthRepeating: Bool
        var otherwise: Otherwise
    }

    enum Otherwise {
        case divide([Piece])
        case refuse(ServiceError)
    }

    let drafts: [Draft]
    let ids: [MessageID]
    /// Failed tries.
    private(set) var attempts = 0
    /// One of them may have stored the drafts.
    private var isInDoubt = false

    init(drafts: [Draft], ids: [MessageID]) { (self.drafts, self.ids) = (drafts, ids) }

    mutating func failed(with error: any Error) -> Failure {
        let fault = CommitFailure(error, isInDoubt: isInDoubt)
        isInDoubt = fault.isInDoubt
        attempts += 1
        return Failure(
            isWorthRepeating: fault.isWorthRepeating && attempts < Self.attempts,
            otherwise: pieces(after: fault).map { .divide($0) } ?? .refuse(fault.refusal))
    }

    /// Smaller parts that may fare better; `nil` when there are none.
    private func pieces(after fault: CommitFailure) -> [Piece]? {
        if drafts.count == 1 { return nil }
        if fault.isOfOneChat {
            let chats = Dictionary(grouping: drafts.indices) { drafts[$0].key.chatID }
            return chats.count > 1 ? chats.sorted { $0.key < $1.key }.map { piece($0.value) } : nil
        }
        let half = drafts.count / 2
        return fault.isOfOneDraft ? [piece(Array(0..<half)), piece(Array(half..<drafts.count))] : nil
    }

    private func piece(_ places: [Int]) -> Piece {
        var part = BatchSegment(drafts: places.map { drafts[$0] }, ids: places.map { ids[$0] })
        part.isInDoubt = isInDoubt
        return (places, part)
    }
}
