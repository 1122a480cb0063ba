import Contracts

/// The part of a chat's history that a page is read from: where to begin and which way, within what the reader may see.
enum HistoryRange: Hashable, Sendable {
    /// The newest ones whose `seq` is above `floor` and below `before`.
    case backwards(before: Int64, floor: Int64)
    /// The oldest ones whose `seq` is above `after`.
    case forwards(after: Int64)
    /// The oldest ones not before a moment whose `seq` is above `floor`.
    case from(Timestamp, floor: Int64)
    /// Those changed after a `rev`, the longest unchanged first, whose `seq` is above `floor`.
    case changed(rev: Int64, floor: Int64)

    /// - Throws: `invalid` for a `seq`, a `rev` or a limit that cannot be.
    init(_ position: GetHistory.Position, limit: Int, visibleAfter floor: Int64) throws(ServiceError) {
        _ = try validated("limit", try PageLimit(limit))
        switch position {
        case .newest: self = .backwards(before: .max, floor: floor)
        case .before(let seq):
            guard seq >= 1 else { throw .invalid("before", "must be a seq, 1 or more") }
            self = .backwards(before: seq, floor: floor)
        case .after(let seq):
            guard seq >= 0 else { throw .invalid("after", "must be a seq, or 0") }
            self = .forwards(after: max(seq, floor))
        case .at(let time): self = .from(time, floor: floor)
        case .changedAfter(let rev):
            guard rev >= 0 else { throw .invalid("changedAfter", "must be a rev, or 0") }
            self = .changed(rev: rev, floor: floor)
        }
    }

    /// Makes the page from what was found.
    ///
    /// - Parameter found: one more than `limit` if there are as many, in the order of reading: backwards, forwards, or by `rev`.
    func page(_ found: [Message], limit: Int) -> Page<Message> {
        let items = Array(found.prefix(limit))
        guard found.count > limit, let last = items.last else { return Page(items: inOrder(items)) }
        if case .changed = self { return Page(items: inOrder(items), next: String(last.rev)) }
        return Page(items: inOrder(items), next: String(last.seq))
    }

    /// In ascending `seq`, whichever way they were read.
    private func inOrder(_ items: [Message]) -> [Message] {
        switch self {
        case .backwards: items.reversed()
        case .forwards, .from: items
        case .changed: items.sorted { $0.seq < $1.seq }
        }
    }
}
