import Bus
import Contracts
import HTTPTypes
import Edge

/// Public profiles and registration.
struct UserRoutes {
    let bus: any ProcedureCaller
    let profiles: Profiles

    var endpoints: [Endpoint] {
        [
            .post("/v1/users", .anyone, register),
            .get("/v1/users", .signedIn, find),
            .get("/v1/users/{userId}", .signedIn, profile),
        ]
    }

    private struct Registration: Body {
        var username: String
        var password: String
        var displayName: String
        static let fields: [BodyField] = [.required("username"), .required("password"), .required("displayName")]
    }

    private func register(_ call: Call) async throws -> Reply {
        let body: Registration = try await call.body()
        let user = try await bus.call(
            RegisterUser(
                username: body.username, password: body.password, displayName: body.displayName,
                idempotencyKey: try call.idempotencyKey()))
        var reply = try Reply.json(user, .created)
        reply.headers[.location] = "/v1/users/\(user.id)"
        return reply
    }

    private func profile(_ call: Call) async throws -> Reply {
        let id: UserID = try call.id("userId")
        // One's own changes are seen at once; others' within a second.
        if id == (try call.caller.userID) {
            return try Reply.json(try await bus.call(GetAccount(userID: id)).user).tagged(for: call)
        }
        return try await profiles.reply(for: id).unchanged(for: call)
    }

    private func find(_ call: Call) async throws -> Reply {
        switch (try call.query("ids"), try call.query("search")) {
        case (let ids?, nil): try await list(ids)
        case (nil, let search?): try await self.search(search, call)
        default: throw Problem.invalid("ids", "give either ids or search")
        }
    }

    private func list(_ list: String) async throws -> Reply {
        let ids = list.split(separator: ",").map { UserID(String($0)) }
        guard (1...100).contains(ids.count) else { throw Problem.invalid("ids", "must be 1 to 100 ids, separated by commas") }
        let known = ids.compactMap(\.self)
        guard known.count == ids.count else { throw Problem.invalid("ids", "must be decimal numbers, separated by commas") }
        return try .json(Page(items: try await bus.call(GetProfiles(ids: known)).users))
    }

    private func search(_ query: String, _ call: Call) async throws -> Reply {
        try await bus.relay(SearchUsers(query: query, limit: try call.limit(), after: try call.query("after")))
    }
}
