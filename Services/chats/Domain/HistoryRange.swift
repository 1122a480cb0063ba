import Contracts

/// The part of a chat's history that a page covers: the start and the direction, within what the reader may
/// see.
enum HistoryRange: Hashable, Sendable {
    /// The newest messages with `floor` < `seq` < `before`.
    case backwards(before: Int64, floor: Int64)
    /// The oldest messages with `seq` > `after`.
    case forwards(after: Int64)
    /// The oldest messages sent at or after a time, with `seq` > `floor`.
    case from(Timestamp, floor: Int64)
    /// The messages changed after a `rev`, with `seq` > `floor`, in ascending `rev`.
    case changed(rev: Int64, floor: Int64)

    /// - Parameter floor: the `seq` up to which the reader sees nothing.
    /// - Throws: `invalid` for a `seq`, `rev` or limit out of range.
    init(_ position: GetHistory.Position, limit: Int, visibleAfter floor: Int64) throws(ServiceError) {
        _ = try validated("limit", try PageLimit(limit))
        switch position {
        case .newest: self = .backwards(before: .max, floor: floor)
        case .before(let seq):
            guard seq >= 1 else { throw .invalid("before", "must be a seq of at least 1") }
            self = .backwards(before: seq, floor: floor)
        case .after(let seq):
            guard seq >= 0 else { throw .invalid("after", "must be a seq or 0") }
            self = .forwards(after: max(seq, floor))
        case .at(let time): self = .from(time, floor: floor)
        case .changedAfter(let rev):
            guard rev >= 0 else { throw .invalid("changedAfter", "must be a rev or 0") }
            self = .changed(rev: rev, floor: floor)
        }
    }

    /// Builds the page from the messages that the store found.
    ///
    /// - Parameter found: up to `limit` + 1 messages in the order of reading: descending, ascending, or by
    ///   `rev`.
    func page(_ found: [Message], limit: Int) -> Page<Message> {
        let items = Array(found.prefix(limit))
        guard found.count > limit, let last = items.last else { return Page(items: ascending(items)) }
        if case .changed = self { return Page(items: ascending(items), next: String(last.rev)) }
        return Page(items: ascending(items), next: String(last.seq))
    }

    /// Returns the messages in ascending `seq`.
    private func ascending(_ items: [Message]) -> [Message] {
        switch self {
        case .backwards: items.reversed()
        case .forwards, .from: items
        case .changed: items.sorted { $0.seq < $1.seq }
        }
    }
}
