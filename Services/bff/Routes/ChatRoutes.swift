import Bus
import Contracts
import HTTPTypes
import Hummingbird
import Edge

/// Chats, their members, and the reader's place in them.
struct ChatRoutes {
    let bus: any ProcedureCaller

    var endpoints: [Endpoint] {
        [
            .post("/v1/chats", .signedIn, create),
            .get("/v1/chats", .signedIn, list),
            .get("/v1/chats/{chatId}", .signedIn, read),
            .patch("/v1/chats/{chatId}", update),
            .put("/v1/chats/{chatId}/read", markRead),
            .get("/v1/chats/{chatId}/members", .signedIn, members),
            .put("/v1/chats/{chatId}/members/{userId}", setMember),
            .delete("/v1/chats/{chatId}/members/{userId}", removeMember),
        ]
    }

    private struct NewChat: Body {
        var kind: String
        var title: String?
        var members: [String]
        static let fields: [BodyField] = [.required("kind"), .optional("title"), .required("members", .strings)]
    }

    private func create(_ call: Call) async throws -> Reply {
        let body: NewChat = try await call.body()
        let (kind, members) = (ChatKind(rawValue: body.kind), body.members.map { UserID($0) })
        let isKnown = ChatKind.known.contains(kind)
        var complaints = members.indices.filter { members[$0] == nil }.prefix(100).map {
            ServiceError.Field("members[\($0)]", "must be a user's id")
        }
        if !isKnown { complaints.insert(ServiceError.Field("kind", "must be direct or group"), at: 0) }
        guard complaints.isEmpty else { throw Problem.invalid(complaints) }
        let answer = try await bus.call(
            CreateChat(
                creatorID: try call.caller.userID, kind: kind, title: body.title, members: members.compactMap(\.self),
                idempotencyKey: try call.idempotencyKey()))
        var reply = try Reply.json(answer.chat, answer.created ? .created : .ok)
        reply.headers[.location] = "/v1/chats/\(answer.chat.id)"
        return reply
    }

    private func list(_ call: Call) async throws -> Reply {
        let (after, changedSince) = (try call.query("after"), try call.query("changedSince"))
        return try await bus.relay(
            ListChats(userID: try call.caller.userID, limit: try call.limit(), after: after, changedSince: changedSince))
    }

    private func read(_ call: Call) async throws -> Reply {
        try await bus.relay(GetChat(userID: try call.caller.userID, chatID: try call.id("chatId"))).tagged(for: call)
    }

    private struct Change: Body {
        var title: String
        static let fields: [BodyField] = [.required("title")]
    }

    private func update(_ call: Call) async throws -> Reply {
        let body: Change = try await call.body()
        return try .json(
            try await bus.call(UpdateChat(userID: try call.caller.userID, chatID: try call.id("chatId"), title: body.title)))
    }

    private struct Marker: Body {
        var seq: Int64
        static let fields: [BodyField] = [.required("seq", .integer)]
    }

    private func markRead(_ call: Call) async throws -> Reply {
        let body: Marker = try await call.body()
        return try .json(
            try await bus.call(MarkRead(userID: try call.caller.userID, chatID: try call.id("chatId"), seq: body.seq)))
    }

    // MARK: Members

    private func members(_ call: Call) async throws -> Reply {
        let list = ListMembers(
            userID: try call.caller.userID, chatID: try call.id("chatId"), limit: try call.limit(), after: try call.query("after")
        )
        return try await bus.relay(list)
    }

    private struct Membership: Body {
        var role: String?
        static let fields: [BodyField] = [.optional("role")]
    }

    private func setMember(_ call: Call) async throws -> Reply {
        let body: Membership = try await call.body()
        let role = ChatRole(rawValue: body.role ?? "member")
        guard ChatRole.known.contains(role) else {
            throw Problem.invalid("role", "must be owner, admin or member")
        }
        let answer = try await bus.call(
            SetMember(userID: try call.caller.userID, chatID: try call.id("chatId"), memberID: try call.id("userId"), role: role))
        return try .json(answer.member, answer.added ? .created : .ok)
    }

    private func removeMember(_ call: Call) async throws -> Reply {
        _ = try await bus.call(
            RemoveMember(userID: try call.caller.userID, chatID: try call.id("chatId"), memberID: try call.id("userId")))
        return .noContent
    }
}
