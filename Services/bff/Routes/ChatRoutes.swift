import Bus
import Contracts
import Edge
import HTTPTypes
import Hummingbird

/// Chats, their members, and the caller's read marker.
struct ChatRoutes {
    let bus: any ProcedureCaller

    var endpoints: [Endpoint] {
        [
            .post("/v1/chats", create),
            .get("/v1/chats", list),
            .get("/v1/chats/{chatId}", read),
            .patch("/v1/chats/{chatId}", update),
            .put("/v1/chats/{chatId}/read", markRead),
            .get("/v1/chats/{chatId}/members", members),
            .put("/v1/chats/{chatId}/members/{userId}", setMember),
            .delete("/v1/chats/{chatId}/members/{userId}", removeMember),
        ]
    }

    private struct NewChat: JSONBody {
        var kind: String
        var title: String?
        var members: [String]
        static let fields: [BodyField] = [.required("kind"), .optional("title"), .required("members", .strings)]
    }

    private func create(_ request: APIRequest) async throws -> APIResponse {
        let body: NewChat = try await request.body()
        let (kind, members) = (ChatKind(rawValue: body.kind), body.members.map { UserID($0) })
        let isKnown = ChatKind.known.contains(kind)
        var errors = members.indices.filter { members[$0] == nil }.prefix(100).map {
            ServiceError.Field("members[\($0)]", "must be a user's id")
        }
        if !isKnown { errors.insert(ServiceError.Field("kind", "must be direct or group"), at: 0) }
        guard errors.isEmpty else { throw Problem.invalid(errors) }
        let answer = try await bus.call(
            CreateChat(
                creatorID: try request.caller.userID, kind: kind, title: body.title, members: members.compactMap(\.self),
                idempotencyKey: try request.idempotencyKey()))
        var response = try APIResponse.json(answer.chat, answer.created ? .created : .ok)
        response.headers[.location] = "/v1/chats/\(answer.chat.id)"
        return response
    }

    private func list(_ request: APIRequest) async throws -> APIResponse {
        let (after, changedSince) = (try request.query("after"), try request.query("changedSince"))
        return try await bus.relay(
            ListChats(userID: try request.caller.userID, limit: try request.limit(), after: after, changedSince: changedSince))
    }

    private func read(_ request: APIRequest) async throws -> APIResponse {
        try await bus.relay(GetChat(userID: try request.caller.userID, chatID: try request.id("chatId"))).tagged(for: request)
    }

    private struct Change: JSONBody {
        var title: String
        static let fields: [BodyField] = [.required("title")]
    }

    private func update(_ request: APIRequest) async throws -> APIResponse {
        let body: Change = try await request.body()
        return try .json(
            try await bus.call(UpdateChat(userID: try request.caller.userID, chatID: try request.id("chatId"), title: body.title))
        )
    }

    private struct Marker: JSONBody {
        var seq: Int64
        static let fields: [BodyField] = [.required("seq", .integer)]
    }

    private func markRead(_ request: APIRequest) async throws -> APIResponse {
        let body: Marker = try await request.body()
        return try .json(
            try await bus.call(MarkRead(userID: try request.caller.userID, chatID: try request.id("chatId"), seq: body.seq)))
    }

    // MARK: Members

    private func members(_ request: APIRequest) async throws -> APIResponse {
        let list = ListMembers(
            userID: try request.caller.userID, chatID: try request.id("chatId"), limit: try request.limit(),
            after: try request.query("after")
        )
        return try await bus.relay(list)
    }

    private struct Membership: JSONBody {
        var role: String?
        static let fields: [BodyField] = [.optional("role")]
    }

    private func setMember(_ request: APIRequest) async throws -> APIResponse {
        let body: Membership = try await request.body()
        let role = ChatRole(rawValue: body.role ?? "member")
        guard ChatRole.known.contains(role) else {
            throw Problem.invalid("role", "must be owner, admin or member")
        }
        let answer = try await bus.call(
            SetMember(
                userID: try request.caller.userID, chatID: try request.id("chatId"), memberID: try request.id("userId"),
                role: role))
        return try .json(answer.member, answer.added ? .created : .ok)
    }

    private func removeMember(_ request: APIRequest) async throws -> APIResponse {
        _ = try await bus.call(
            RemoveMember(userID: try request.caller.userID, chatID: try request.id("chatId"), memberID: try request.id("userId")))
        return .noContent
    }
}
