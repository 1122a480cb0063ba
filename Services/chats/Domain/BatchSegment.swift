import Contracts

/// Drafts that are committed together. Decides after each failure whether to try them again, divided, or not
/// at all.
struct BatchSegment: Sendable {
    /// The largest number of attempts with the same drafts, 3.
    static let maximumAttempts = 3

    /// A smaller segment, with the indices of its drafts in the segment that was divided.
    typealias Piece = (indices: [Int], segment: BatchSegment)

    struct NextStep {
        /// Whether to try the same drafts again after a pause, if the deadline permits one.
        var mayRepeat: Bool
        var otherwise: Fallback
    }

    enum Fallback {
        case divide([Piece])
        case refuse(ServiceError)
    }

    let drafts: [Draft]
    let ids: [MessageID]
    private(set) var failedAttempts = 0
    /// Whether an attempt may have stored the drafts.
    private var isInDoubt = false

    init(drafts: [Draft], ids: [MessageID]) {
        self.drafts = drafts
        self.ids = ids
    }

    /// Counts a failed attempt and returns what to do next.
    mutating func record(_ failure: CommitFailure) -> NextStep {
        isInDoubt = isInDoubt || failure.mayHaveHappened
        failedAttempts += 1
        return NextStep(
            mayRepeat: isRepetitionUseful(failure) && failedAttempts < Self.maximumAttempts,
            otherwise: pieces(after: failure).map { .divide($0) } ?? .refuse(refusal(failure)))
    }

    private func isRepetitionUseful(_ failure: CommitFailure) -> Bool {
        switch failure.repetition {
        case .useful: true
        case .clarifying: isInDoubt
        case .useless: false
        }
    }

    private func refusal(_ failure: CommitFailure) -> ServiceError {
        isInDoubt ? ServiceError(.unknownOutcome, "the message may have been stored; send it again") : failure.error
    }

    /// Returns smaller segments that can succeed, or `nil` when dividing does not help.
    private func pieces(after failure: CommitFailure) -> [Piece]? {
        if drafts.count == 1 { return nil }
        switch failure.scope {
        case .batch: return nil
        case .chat:
            let chats = Dictionary(grouping: drafts.indices) { drafts[$0].key.chatID }
            return chats.count > 1 ? chats.sorted { $0.key < $1.key }.map { piece($0.value) } : nil
        case .draft:
            let half = drafts.count / 2
            return [piece(Array(0..<half)), piece(Array(half..<drafts.count))]
        }
    }

    private func piece(_ indices: [Int]) -> Piece {
        var segment = BatchSegment(drafts: indices.map { drafts[$0] }, ids: indices.map { ids[$0] })
        segment.isInDoubt = isInDoubt
        return (indices, segment)
    }
}
