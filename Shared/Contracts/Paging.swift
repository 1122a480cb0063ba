/// A page of a list.
public struct Page<Item: Codable & Sendable>: Codable, Sendable {
    public var items: [Item]
    /// The opaque cursor of the next page; absent on the last page.
    public var next: String?

    public init(items: [Item], next: String? = nil) {
        self.items = items
        self.next = next
    }

    enum CodingKeys: String, CodingKey { case items, next }
}

extension Page: Equatable where Item: Equatable {}

extension Page {
    /// Creates a page from the items that a query for `limit.count + 1` items returned; one item too many
    /// means that a page follows.
    package init(of found: [Item], limit: PageLimit, cursor: (Item) -> String) {
        let items = Array(found.prefix(limit.count))
        self.init(items: items, next: found.count > items.count ? items.last.map(cursor) : nil)
    }
}

/// The number of items that a page may have: 1–100.
package struct PageLimit: Hashable, Sendable {
    package static let most = 100
    package let count: Int

    package init(_ count: Int) throws(ValidationError) {
        guard (1...Self.most).contains(count) else { throw ValidationError("must be 1 to \(Self.most)") }
        self.count = count
    }

    private init(unchecked count: Int) { self.count = count }

    /// Returns the smaller of the two limits.
    ///
    /// - Parameter most: at least 1.
    package func atMost(_ most: Int) -> PageLimit { PageLimit(unchecked: min(count, max(1, most))) }
}

/// The position behind an item of a list that is ordered by time and id.
///
/// Clients keep cursors across releases, so each service keeps the text form that it began with.
package struct PageCursor: Hashable, Sendable {
    package let time: Timestamp
    /// Orders the items of one millisecond; not negative.
    package let id: Int64

    /// The beginning of a list whose newest item comes first.
    package static let newest = PageCursor(time: Timestamp(millisecondsSinceEpoch: times.upperBound), id: .max)

    package init(time: Timestamp, id: Int64) {
        self.time = time
        self.id = id
    }

    /// Reads a cursor that ``decimal`` wrote.
    package init(decimal text: String) throws(ValidationError) { try self.init(text, separator: ".", radix: 10) }

    /// Reads a cursor that ``base36`` wrote.
    package init(base36 text: String) throws(ValidationError) { try self.init(text, separator: "-", radix: 36) }

    /// The text form of `chats`: `1769847330250.42`.
    package var decimal: String { text(separator: ".", radix: 10) }

    /// The text form of `users`: `mkx3bq2y-16`.
    package var base36: String { text(separator: "-", radix: 36) }

    private func text(separator: Character, radix: Int) -> String {
        "\(String(time.millisecondsSinceEpoch, radix: radix))\(separator)\(String(id, radix: radix))"
    }

    private init(_ text: String, separator: Character, radix: Int) throws(ValidationError) {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.count == 2, let time = Self.number(parts[0], radix: radix), Self.times.contains(time),
            let id = Self.number(parts[1], radix: radix)
        else { throw ValidationError("must be the next of an earlier page") }
        self.init(time: Timestamp(millisecondsSinceEpoch: time), id: id)
    }

    /// The years 1970 to 9999, which databases can compare with.
    private static let times = 0...Timestamp.writable.upperBound

    /// Returns `nil` for any text but the one that `String(_:radix:)` writes.
    private static func number(_ digits: Substring, radix: Int) -> Int64? {
        guard let value = Int64(digits, radix: radix), value >= 0, String(value, radix: radix) == digits else { return nil }
        return value
    }
}
