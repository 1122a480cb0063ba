import Cache
import Contracts
import ServiceKit

/// Handles the procedures of public profiles. Answers are at most a second old.
struct ProfileHandler: Sendable {
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
            "search", try SearchQuery(try request.query.validated(length: bounds.shortest...SearchQuery.longest)))
        let limit = errors.check("limit", try PageLimit(request.limit).atMost(bounds.most))
        let after = errors.check("after", try request.after.map(SearchCursor.init))
        guard let query, let limit, let after else { throw errors.error }
        let page = SearchPage(query: query, limit: limit, after: after)
        return try await cache.searches.get(page, .upTo(.milliseconds(400))) ?? Page(items: [])
    }
}
