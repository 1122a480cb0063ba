import Contracts

/// What people are searched by: the text that is stored beside each profile, and what is looked for in it.
///
/// Both are made lower-case and composed here, not by the database, whose rules depend on its locale.
enum SearchText {
    static func of(username: String, displayName: String) -> String { "\(username) \(displayName)".searchable }
}

extension String {
    fileprivate var searchable: String { lowercased().composed }
}

/// 3–64 characters that stand anywhere in a username or display name, and that an index of trigrams can find.
struct SearchQuery: Hashable, Sendable {
    let text: String

    init(_ text: String) throws(ValidationError) {
        self.text = try text.validated(length: 3...64).searchable.validated(length: 3...64)
        guard Self.hasTrigram(self.text) else { throw ValidationError("must have three letters or digits in a row") }
    }

    /// Whether the index can narrow the search, as pg_trgm sees it; without a trigram it would go through everybody there is.
    ///
    /// Only letters and digits count. Within the query, a word's beginning counts as two more, its end as one.
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

    /// A text between wildcards, for LIKE with the escape character `\`; what would be a wildcard in it stands for itself.
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
    /// What LIKE takes for something else than itself, so that it is escaped.
    fileprivate var isWildcard: Bool { self == "%" || self == "_" || self == "\\" }

    fileprivate var isWord: Bool {
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber: true
        default: false
        }
    }
}

/// People whose username begins with the query come first, then the rest, each by username: an order that new people do not disturb.
struct SearchCursor: Hashable, Sendable {
    enum Rank: Int, Sendable { case usernamePrefix, other }

    let rank: Rank
    let username: String

    init(rank: Rank, username: String) {
        self.rank = rank
        self.username = username
    }

    init(after user: User, of query: SearchQuery) {
        // By bytes, as the database compares, not by what Unicode takes for equal.
        self.init(rank: user.username.utf8.starts(with: query.text.utf8) ? .usernamePrefix : .other, username: user.username)
    }

    /// - Parameter text: what ``text`` gave; anything else is refused.
    init(_ text: String) throws(ValidationError) {
        guard let digit = text.utf8.first, let rank = Rank(rawValue: Int(digit) - 0x30),
            let username = try? Username(String(text.dropFirst())), username.text.utf8.elementsEqual(text.utf8.dropFirst())
        else { throw ValidationError("must be the next of an earlier page") }
        self.init(rank: rank, username: username.text)
    }

    var text: String { "\(rank.rawValue)\(username)" }
}
