import Bus
import Contracts
import Edge
import HTTPTypes

/// Registration, public profiles and search.
struct UserRoutes {
    let bus: any ProcedureCaller
    let profiles: ProfileCache

    var endpoints: [Endpoint] {
        [
            .post("/v1/users", access: .anonymous, register),
            .get("/v1/users", find),
            .get("/v1/users/{userId}", profile),
        ]
    }

    private struct Registration: JSONBody {
        var username: String
        var password: String
        var displayName: String
        static let fields: [BodyField] = [.required("username"), .required("password"), .required("displayName")]
    }

    private func register(_ request: APIRequest) async throws -> APIResponse {
        let body: Registration = try await request.body()
        let user = try await bus.call(
            RegisterUser(
                username: body.username, password: body.password, displayName: body.displayName,
                idempotencyKey: try request.idempotencyKey()))
        var response = try APIResponse.json(user, .created)
        response.headers[.location] = "/v1/users/\(user.id)"
        return response
    }

    private func profile(_ request: APIRequest) async throws -> APIResponse {
        let id: UserID = try request.id("userId")
        // Callers see their own changes at once, those of others within a second.
        if id == (try request.caller.userID) {
            return try APIResponse.json(try await bus.call(GetAccount(userID: id)).user).tagged(for: request)
        }
        return try await profiles.response(for: id).unchanged(for: request)
    }

    private func find(_ request: APIRequest) async throws -> APIResponse {
        switch (try request.query("ids"), try request.query("search")) {
        case (let ids?, nil): try await list(ids)
        case (nil, let search?): try await self.search(search, request)
        default: throw Problem.invalid("ids", "give either ids or search")
        }
    }

    private func list(_ list: String) async throws -> APIResponse {
        let ids = list.split(separator: ",").map { UserID(String($0)) }
        guard (1...100).contains(ids.count) else { throw Problem.invalid("ids", "must be 1 to 100 ids, separated by commas") }
        let known = ids.compactMap(\.self)
        guard known.count == ids.count else { throw Problem.invalid("ids", "must be decimal numbers, separated by commas") }
        return try .json(Page(items: try await bus.call(GetProfiles(ids: known)).users))
    }

    private func search(_ query: String, _ request: APIRequest) async throws -> APIResponse {
        try await bus.relay(SearchUsers(query: query, limit: try request.limit(), after: try request.query("after")))
    }
}
