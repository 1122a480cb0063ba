import Bus
import CBOR
import Contracts

/// The newest messages of a chat without gaps, as kept in memory: enough for most pages that anybody reads.
///
/// They are kept as the bus carries them: most are passed on many times and never looked at.
struct RecentMessages: Equatable, Codable, Sendable {
    /// At most so many, and so many bytes: a chat of long messages keeps fewer.
    static let count = 64
    static let bytes = 64 * 1_024

    /// The chat's, when they were read.
    private(set) var rev: Int64
    private(set) var lastSeq: Int64
    /// Ascending; the last one's `seq` is `lastSeq`.
    private(set) var messages: CBORElements

    /// - Parameter messages: in ascending `seq` without gaps, up to `lastSeq`. What is too much is dropped at the old end.
    init(rev: Int64, lastSeq: Int64, messages: some Collection<Message>) throws {
        self.init(rev: rev, lastSeq: lastSeq, messages: try CBOREncoder.contracts.elements(messages.suffix(Self.count)))
    }

    private init(rev: Int64, lastSeq: Int64, messages: CBORElements) {
        self.rev = rev
        self.lastSeq = lastSeq
        self.messages = Self.trim(messages)
    }

    enum CodingKeys: String, CodingKey { case rev, lastSeq, messages }

    /// Adds what was just sent.
    ///
    /// - Parameters:
    ///   - sent: of this chat, in ascending `seq`; of several commits perhaps.
    ///   - rev: the chat's, after them.
    /// - Returns: `nil` when something lies between, so that nothing can be said without asking the store.
    func appending(_ sent: [Message], rev: Int64) throws -> RecentMessages? {
        let count = Int64(sent.count)
        guard let first = sent.first, let last = sent.last, first.seq == lastSeq + 1, first.rev == self.rev + 1,
            last.seq == lastSeq + count, last.rev == self.rev + count, last.rev == rev
        else { return nil }
        var all = messages
        all.append(try CBOREncoder.contracts.elements(sent))
        return RecentMessages(rev: rev, lastSeq: last.seq, messages: all)
    }

    /// The page, if all of it is here and nothing beyond is needed to say what follows; else `nil`.
    func page(_ range: HistoryRange, limit: Int) -> HistoryPage? {
        switch range {
        case .backwards(let before, let floor):
            let (low, high) = (place(of: floor) + 1, place(of: before))
            let isMore = high - low > limit
            guard isMore || holdsAll(after: floor) else { return nil }
            return page(from: isMore ? high - limit : low, upTo: high, next: isMore ? seq(at: high - limit) : nil)
        case .forwards(let after):
            guard holdsAll(after: after) else { return nil }
            let low = place(of: after) + 1
            let isMore = messages.count - low > limit
            return page(
                from: low, upTo: isMore ? low + limit : messages.count, next: isMore ? seq(at: low + limit - 1) : nil)
        case .from, .changed:
            return nil
        }
    }

    private func page(from low: Int, upTo high: Int, next: Int64?) -> HistoryPage {
        HistoryPage(items: messages[low..<max(low, high)], next: next.map { String($0) })
    }

    // MARK: Places

    /// The `seq` of what would stand just before the first one here.
    private var floor: Int64 { lastSeq - Int64(messages.count) }

    /// Where a `seq` stands here: -1 for all before the first, the number of messages for all after the last.
    private func place(of seq: Int64) -> Int { Int(min(max(seq, floor), lastSeq + 1) - floor) - 1 }

    private func seq(at place: Int) -> Int64 { floor + 1 + Int64(place) }

    /// Whether every message above `seq` is here.
    private func holdsAll(after seq: Int64) -> Bool { seq >= floor }

    private static func trim(_ messages: CBORElements) -> CBORElements {
        var (first, size) = (messages.count, 0)
        while first > 0, messages.count - first < count {
            size += messages.byteCount(at: first - 1)
            if size > bytes { break }
            first -= 1
        }
        return first == 0 ? messages : messages[first..<messages.count]
    }
}
