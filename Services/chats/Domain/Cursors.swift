import Contracts

/// Where a page of chats or members ended: a moment, and an id among those of that moment.
struct PageCursor: Hashable, Sendable {
    let time: Timestamp
    let id: Int64

    init(time: Timestamp, id: Int64) {
        self.time = time
        self.id = id
    }

    /// - Throws: `invalid` for a text that ``text`` did not make.
    init(_ text: String, field: String = "after") throws(ServiceError) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let time = Int64(parts[0]), let id = Int64(parts[1]),
            "\(time).\(id)" == text, ChangesCursor.range.contains(time)
        else { throw .invalid(field, "is not a cursor that was given") }
        self.init(time: Timestamp(millisecondsSinceEpoch: time), id: id)
    }

    var text: String { "\(time.millisecondsSinceEpoch).\(id)" }
}

/// The moment at which somebody last asked which chats had changed.
///
/// Changes carry the time at which their chat was locked and become visible when they commit, later. Whoever asks at T therefore misses what is
/// stamped before T and not yet committed; asking next for everything since T less the longest time that a commit can take misses nothing,
/// and shows some chats twice. See docs/messages.md.
struct ChangesCursor: Hashable, Sendable {
    /// More than any transaction may last after its stamp: 5 s for each of at most eight statements, and 3 s between its two flights.
    static let overlapMilliseconds: Int64 = 60_000

    /// By the database's clock.
    let askedAt: Timestamp

    init(askedAt: Timestamp) { self.askedAt = askedAt }

    /// - Throws: `invalid` for a text that ``text`` did not make.
    init(_ text: String) throws(ServiceError) {
        guard text.hasPrefix("c"), let time = Int64(text.dropFirst()), "c\(time)" == text, Self.range.contains(time) else {
            throw .invalid("changedSince", "is not a cursor that was given")
        }
        self.init(askedAt: Timestamp(millisecondsSinceEpoch: time))
    }

    var text: String { "c\(askedAt.millisecondsSinceEpoch)" }

    /// Everything stamped from here on comes, however often it came before.
    var from: Timestamp { Timestamp(millisecondsSinceEpoch: askedAt.millisecondsSinceEpoch - Self.overlapMilliseconds) }

    /// The years 1970 to 9999: what the database can take.
    fileprivate static let range: ClosedRange<Int64> = 0...253_402_300_799_999
}
