import Bus
import CBOR
import Contracts

/// The newest messages of a chat, without gaps, for the cache. Most pages that clients read lie within them.
///
/// They stay encoded as the bus carries them: most are sent on many times and never decoded.
struct RecentMessages: Equatable, Codable, Sendable {
    /// The largest number of messages.
    static let count = 64
    /// The largest number of bytes; a chat with long messages keeps fewer messages.
    static let bytes = 64 * 1_024

    /// The chat's `rev` when they were read.
    private(set) var rev: Int64
    private(set) var lastSeq: Int64
    /// Ascending by `seq`, up to `lastSeq`.
    private(set) var messages: CBORElements

    /// - Parameter messages: ascending by `seq` without gaps, up to `lastSeq`. The oldest beyond the limits
    ///   are dropped.
    init(rev: Int64, lastSeq: Int64, messages: some Collection<Message>) throws {
        self.init(rev: rev, lastSeq: lastSeq, messages: try CBOREncoder.contracts.elements(messages.suffix(Self.count)))
    }

    private init(rev: Int64, lastSeq: Int64, messages: CBORElements) {
        self.rev = rev
        self.lastSeq = lastSeq
        self.messages = Self.trim(messages)
    }

    enum CodingKeys: String, CodingKey { case rev, lastSeq, messages }

    /// Returns the messages with those just sent appended.
    ///
    /// - Parameters:
    ///   - sent: messages of this chat, ascending by `seq`, of one or several commits.
    ///   - rev: the chat's `rev` after them.
    /// - Returns: `nil` if other changes lie in between; the page must then be loaded from the store.
    func appending(_ sent: [Message], rev: Int64) throws -> RecentMessages? {
        let count = Int64(sent.count)
        guard let first = sent.first, let last = sent.last, first.seq == lastSeq + 1, first.rev == self.rev + 1,
            last.seq == lastSeq + count, last.rev == self.rev + count, last.rev == rev
        else { return nil }
        var all = messages
        all.append(try CBOREncoder.contracts.elements(sent))
        return RecentMessages(rev: rev, lastSeq: last.seq, messages: all)
    }

    /// Returns the page of a range, or `nil` if that needs messages beyond these.
    func page(_ range: HistoryRange, limit: Int) -> HistoryPage? {
        switch range {
        case .backwards(let before, let floor):
            let (low, high) = (index(of: floor) + 1, index(of: before))
            let isMore = high - low > limit
            guard isMore || holdsAll(after: floor) else { return nil }
            return page(from: isMore ? high - limit : low, upTo: high, next: isMore ? seq(at: high - limit) : nil)
        case .forwards(let after):
            guard holdsAll(after: after) else { return nil }
            let low = index(of: after) + 1
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

    // MARK: Positions

    /// The `seq` before that of the first message here.
    private var floor: Int64 { lastSeq - Int64(messages.count) }

    /// Returns the index of a `seq`: -1 before the first message, the number of messages after the last one.
    private func index(of seq: Int64) -> Int { Int(min(max(seq, floor), lastSeq + 1) - floor) - 1 }

    private func seq(at index: Int) -> Int64 { floor + 1 + Int64(index) }

    /// Whether all messages after `seq` are here.
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
