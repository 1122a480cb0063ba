import Contracts

/// How many items a page may have: 1–100.
struct PageLimit: Hashable, Sendable {
    static let most = 100
    let count: Int

    init(_ count: Int) throws(Complaint) {
        guard (1...Self.most).contains(count) else { throw Complaint("must be 1 to \(Self.most)") }
        self.count = count
    }

    /// - Parameter most: 1–100.
    func atMost(_ most: Int) throws(Complaint) -> PageLimit { try PageLimit(min(count, most)) }
}

/// Where a list that runs from the newest to the oldest goes on: behind this item.
struct NewestFirstCursor: Hashable, Sendable {
    let since: Timestamp
    /// Decides between items of one millisecond; the highest comes first.
    let id: Int64

    /// At the very beginning of a list.
    static let beforeAll = NewestFirstCursor(since: Timestamp(millisecondsSinceEpoch: endOf9999), id: .max)

    init(since: Timestamp, id: Int64) {
        self.since = since
        self.id = id
    }

    /// - Parameter text: what ``text`` gave; anything else is refused.
    init(_ text: String) throws(Complaint) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let since = Self.number(parts[0]), since <= Self.endOf9999, let id = Self.number(parts[1]) else {
            throw Complaint("must be the next of an earlier page")
        }
        self.init(since: Timestamp(millisecondsSinceEpoch: since), id: id)
    }

    var text: String { "\(String(since.millisecondsSinceEpoch, radix: 36))-\(String(id, radix: 36))" }

    /// 9999-12-31T23:59:59.999Z, which the database knows too.
    private static let endOf9999: Int64 = 253_402_300_799_999

    private static func number(_ digits: Substring) -> Int64? {
        guard let value = Int64(digits, radix: 36), value >= 0, String(value, radix: 36) == digits else { return nil }
        return value
    }
}

extension Page {
    /// A page of `limit` out of up to `limit + 1` items that were read.
    init(_ read: [Item], limit: PageLimit, cursor: (Item) -> String) {
        let items = Array(read.prefix(limit.count))
        self.init(items: items, next: read.count > limit.count ? items.last.map(cursor) : nil)
    }
}
