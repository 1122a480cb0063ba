import Contracts

/// The text that a profile is found by.
///
/// Profiles and queries are lower-cased and composed here, not by the database, whose rules depend on its
/// locale.
enum SearchText {
    static func of(username: String, displayName: String) -> String { "\(username) \(displayName)".searchable }
}

extension String {
    fileprivate var searchable: String { lowercased().composed }
}

/// A part of a username or display name: 3–64 characters that a trigram index can find.
struct SearchQuery: Hashable, Sendable {
    static let longest = 64

    let text: String

    init(_ text: String) throws(ValidationError) {
        let lengths = 3...Self.longest
        self.text = try text.validated(length: lengths).searchable.validated(length: lengths)
        guard Self.hasTrigram(self.text) else { throw ValidationError("must have three letters or digits in a row") }
    }

    /// Whether pg_trgm extracts a trigram; without one the search would scan every profile.
    ///
    /// Only letters and digits count. Within the query, a word's beginning counts as two more, its end as
    /// one.
    private static func hasTrigram(_ text: String) -> Bool {
        var (isInside, length) = (false, 0)
        for scalar in text.unicodeScalars {
            if scalar.isWord {
                length += length == 0 && isInside ? 3 : 1
                if length >= 3 { return true }
            } else {
                if length == 2 { return true }
                (isInside, length) = (true, 0)
            }
        }
        return false
    }

    var pattern: String { Self.pattern(text) }

    /// Returns a pattern for LIKE with the escape character `\`: the text between wildcards, with its own
    /// wildcards escaped.
    static func pattern(_ text: String) -> String {
        var pattern = "%"
        for scalar in text.unicodeScalars {
            if scalar.isWildcard { pattern.unicodeScalars.append("\\") }
            pattern.unicodeScalars.append(scalar)
        }
        return pattern + "%"
    }
}

extension Unicode.Scalar {
    /// Whether LIKE gives the character a meaning.
    fileprivate var isWildcard: Bool { self == "%" || self == "_" || self == "\\" }

    fileprivate var isWord: Bool {
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber: true
        default: false
        }
    }
}

/// A position in the results of a search.
///
/// Users whose username begins with the query come first, then the others, each by username. New users do not
/// disturb this order.
struct SearchCursor: Hashable, Sendable {
    enum Rank: Int, Sendable { case usernamePrefix, other }

    let rank: Rank
    let username: String

    init(rank: Rank, username: String) {
        self.rank = rank
        self.username = username
    }

    init(after user: User, of query: SearchQuery) {
        // By bytes, as the database compares; Unicode equivalence would rank differently.
        self.init(rank: user.username.utf8.starts(with: query.text.utf8) ? .usernamePrefix : .other, username: user.username)
    }

    /// Reads a cursor that ``text`` wrote.
    init(_ text: String) throws(ValidationError) {
        guard let digit = text.utf8.first, let rank = Rank(rawValue: Int(digit) - 0x30),
            let username = try? Username(String(text.dropFirst())), username.text.utf8.elementsEqual(text.utf8.dropFirst())
        else { throw ValidationError("must be the next of an earlier page") }
        self.init(rank: rank, username: username.text)
    }

    var text: String { "\(rank.rawValue)\(username)" }
}

/// One page of one search: a key of the cache.
struct SearchPage: Hashable, Sendable, LosslessStringConvertible {
    let query: SearchQuery
    let limit: PageLimit
    let after: SearchCursor?

    init(query: SearchQuery, limit: PageLimit, after: SearchCursor?) {
        self.query = query
        self.limit = limit
        self.after = after
    }

    /// Reads `<limit> <cursor or -> <query>`.
    init?(_ description: String) {
        let parts = description.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let limit = Int(parts[0]).flatMap({ try? PageLimit($0) }), let query = try? SearchQuery(parts[2])
        else { return nil }
        let cursor = parts[1] == "-" ? nil : try? SearchCursor(parts[1])
        guard (cursor == nil) == (parts[1] == "-") else { return nil }
        self.init(query: query, limit: limit, after: cursor)
    }

    var description: String { "\(limit.count) \(after?.text ?? "-") \(query.text)" }
}
