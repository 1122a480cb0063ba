import Foundation
import HTTPTypes
import Synchronization

extension HTTPField.Name {
    static let idempotencyKey = HTTPField.Name("Idempotency-Key").unsafelyUnwrapped
}

/// The present time as the `Date` field has it (RFC 9110, 5.6.7). Formatted once a second.
enum HTTPDate {
    private static let latest = Mutex<(second: Int, text: String)>((0, ""))

    static var now: String {
        let second = time(nil)
        return latest.withLock { latest in
            if latest.second != second { latest = (second, text(second)) }
            return latest.text
        }
    }

    /// - Parameter second: since 1970-01-01T00:00:00Z.
    static func text(_ second: Int) -> String {
        var (moment, parts) = (second, tm())
        gmtime_r(&moment, &parts)
        func twoDigits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(twoDigits(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1_900)"
        let time = "\(twoDigits(parts.tm_hour)):\(twoDigits(parts.tm_min)):\(twoDigits(parts.tm_sec))"
        return "\(days[Int(parts.tm_wday)]), \(date) \(time) GMT"
    }

    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}

/// A list of entity tags as in `If-Match` and `If-None-Match` (RFC 9110, 8.8.3).
struct EntityTags {
    private let tags: [Substring]

    init?(_ header: String?) {
        guard let header else { return nil }
        tags = header.split(separator: ",").map { $0.drop { $0 == " " } }.map { $0.prefix { $0 != " " } }
    }

    func matchesWeakly(_ etag: String) -> Bool { tags.contains { $0 == "*" || $0 == etag || $0 == "W/\(etag)" } }

    /// The text between the quotes, if the list is a single strong tag.
    var onlyStrong: Substring? {
        guard tags.count == 1, let tag = tags.first, tag.first == "\"", tag.last == "\"", tag.utf8.count > 2 else { return nil }
        return tag.dropFirst().dropLast()
    }
}
