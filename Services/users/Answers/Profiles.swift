import Cache
import Contracts
import ServiceKit

/// Answers what is asked of others' public profiles. At most a second old.
struct Profiles: Sendable {
    static let staleness = Freshness.upTo(.milliseconds(500))

    let cache: UserCaches
    var bounds = CurrentValue(SearchBounds())

    func profiles(_ request: GetProfiles, caller: ServiceName) async throws -> GetProfiles.Response {
        let most = caller == .chats ? 1_000 : 100
        guard (1...most).contains(request.ids.count) else { throw ServiceError.invalid("ids", "must be 1 to \(most)") }
        let found = try await cache.accounts.get(Array(Set(request.ids)), Self.staleness)
        return GetProfiles.Response(users: request.ids.compactMap { found[$0]?.user })
    }

    func search(_ request: SearchUsers) async throws -> Page<User> {
        let bounds = bounds.now
        var errors = ValidationErrors()
        let query = errors.check(
            "search", try SearchQuery(try request.query.validated(length: bounds.shortest...64)))
        let limit = errors.check("limit", try PageLimit(request.limit).atMost(bounds.most))
        let after = errors.check("after", try request.after.map(SearchCursor.init))
        guard let query, let limit, let after else { throw errors.error }
        let key = SearchPage(query: query, limit: limit, after: after)
        return try await cache.searches.get(key, .upTo(.milliseconds(400))) ?? Page(items: [])
    }
}

/// One page of one search, as the cache names it.
struct SearchPage: Hashable, Sendable, LosslessStringConvertible {
    let query: SearchQuery
    let limit: PageLimit
    let after: SearchCursor?

    init(query: SearchQuery, limit: PageLimit, after: SearchCursor?) {
        (self.query, self.limit, self.after) = (query, limit, after)
    }

    /// `<limit> <cursor or -> <query>`
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
