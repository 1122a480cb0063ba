import Contracts

/// The time at which a client last listed the chats that changed.
///
/// A change carries the time at which its chat was locked, and becomes visible later, at its commit. A list
/// made at T can therefore miss changes from before T. The next list begins ``overlapMilliseconds`` before T:
/// it misses nothing and repeats some chats. See docs/messages.md.
struct ChangesCursor: Hashable, Sendable {
    /// Longer than a transaction can last after it locked its chat: at most eight statements of 5 s each, and
    /// 3 s between its two flights.
    static let overlapMilliseconds: Int64 = 60_000

    /// By the database's clock.
    let askedAt: Timestamp

    init(askedAt: Timestamp) { self.askedAt = askedAt }

    /// Reads a cursor that ``text`` wrote.
    init(_ text: String) throws(ValidationError) {
        guard text.hasPrefix("c"), let time = Int64(text.dropFirst()), "c\(time)" == text, Self.range.contains(time) else {
            throw ValidationError("must be the cursor of an earlier list")
        }
        self.init(askedAt: Timestamp(millisecondsSinceEpoch: time))
    }

    var text: String { "c\(askedAt.millisecondsSinceEpoch)" }

    /// The time of the oldest change in the next list.
    var from: Timestamp { Timestamp(millisecondsSinceEpoch: askedAt.millisecondsSinceEpoch - Self.overlapMilliseconds) }

    /// The years 1970 to 9999, which the database can compare with.
    private static let range: ClosedRange<Int64> = 0...253_402_300_799_999
}
