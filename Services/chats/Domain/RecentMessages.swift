import Contracts

/// The newest messages of a chat without gaps, as kept in memory: enough for most pages that anybody reads.
struct RecentMessages: Hashable, Codable, Sendable {
    /// At most so many, and so many bytes of text: a chat of long messages keeps fewer.
    static let count = 64
    static let bytes = 64 * 1_024

    /// The chat's, when they were read.
    private(set) var rev: Int64
    private(set) var lastSeq: Int64
    /// Ascending; the last one's `seq` is `lastSeq`.
    private(set) var messages: [Message]

    /// - Parameter messages: in ascending `seq` without gaps, up to `lastSeq`. What is too much is dropped at the old end.
    init(rev: Int64, lastSeq: Int64, messages: [Message]) {
        self.rev = rev
        self.lastSeq = lastSeq
        self.messages = messages
        trim()
    }

    enum CodingKeys: String, CodingKey { case rev, lastSeq, messages }

    /// Adds what was just sent.
    ///
    /// - Parameters:
    ///   - sent: of this chat, in ascending `seq`; of several commits perhaps.
    ///   - rev: the chat's, after them.
    /// - Returns: `nil` when something lies between, so that nothing can be said without asking the store.
    func appending(_ sent: [Message], rev: Int64) -> RecentMessages? {
        let count = Int64(sent.count)
        guard let first = sent.first, let last = sent.last, first.seq == lastSeq + 1, first.rev == self.rev + 1,
            last.seq == lastSeq + count, last.rev == self.rev + count, last.rev == rev
        else { return nil }
        return RecentMessages(rev: rev, lastSeq: last.seq, messages: messages + sent)
    }

    /// The page, if all of it is here and nothing beyond is needed to say what follows; else `nil`.
    func page(_ range: HistoryRange, limit: Int) -> Page<Message>? {
        switch range {
        case .backwards(let before, let floor):
            let found = messages.lazy.reversed().drop { $0.seq >= before }.prefix { $0.seq > floor }
            let enough = Array(found.prefix(limit + 1))
            guard enough.count > limit || holdsAll(after: floor) else { return nil }
            return range.page(enough, limit: limit)
        case .forwards(let after):
            guard holdsAll(after: after) else { return nil }
            return range.page(Array(messages.lazy.drop { $0.seq <= after }.prefix(limit + 1)), limit: limit)
        case .from, .changed:
            return nil
        }
    }

    /// Whether every message above `seq` is here.
    private func holdsAll(after seq: Int64) -> Bool {
        guard let first = messages.first else { return seq >= lastSeq }
        return first.seq - 1 <= seq
    }

    private mutating func trim() {
        var (kept, size) = (0, 0)
        for message in messages.reversed() {
            size += message.text.utf8.count
            if kept == Self.count || size > Self.bytes { break }
            kept += 1
        }
        messages.removeFirst(messages.count - kept)
    }
}
