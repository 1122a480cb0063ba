import Contracts

/// What people are searched by: the text that is stored beside each profile, and what is looked for in it.
///
/// Both are made lower-case here, not by the database, whose rules depend on its locale.
enum SearchText {
    static func of(username: Username, displayName: DisplayName) -> String { "\(username.text) \(displayName.text.lowercased())" }
}

/// 3–64 characters that stand anywhere in a username or display name.
struct SearchQuery: Hashable, Sendable {
    let text: String

    init(_ text: String) throws(Complaint) { self.text = try text.bounded(3...64).lowercased() }

    /// The query between wildcards, for LIKE with the escape character `\`; what would be a wildcard in it stands for itself.
    var pattern: String {
        var pattern = "%"
        for scalar in text.unicodeScalars {
            if scalar == "%" || scalar == "_" || scalar == "\\" { pattern.unicodeScalars.append("\\") }
            pattern.unicodeScalars.append(scalar)
        }
        return pattern + "%"
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
    init(_ text: String) throws(Complaint) {
        guard let digit = text.utf8.first, let rank = Rank(rawValue: Int(digit) - 0x30),
            let username = try? Username(String(text.dropFirst())), username.text.utf8.elementsEqual(text.utf8.dropFirst())
        else { throw Complaint("must be the next of an earlier page") }
        self.init(rank: rank, username: username.text)
    }

    var text: String { "\(rank.rawValue)\(username)" }
}
