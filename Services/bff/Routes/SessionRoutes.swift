import Bus
import Contracts
import Edge
import HTTPTypes
import Realtime

/// Logging in, staying in, and logging out.
struct SessionRoutes {
    let bus: any ProcedureCaller
    let routes: RouteTable
    let revocations: Revocations
    /// For which somebody who logs in waits to be told where live connections are made; `GET /v1/realtime` tells it later.
    private static let patience = Duration.milliseconds(500)

    var endpoints: [Endpoint] {
        [
            .post("/v1/sessions", .anyone, logIn),
            .get("/v1/sessions", .signedIn, list),
            .post("/v1/sessions/refresh", .anyone, refresh),
            .delete("/v1/sessions/{sessionId}", revoke),
        ]
    }

    private struct Credentials: Body {
        var username: String
        var password: String
        var device: String?
        static let fields: [BodyField] = [.required("username"), .required("password"), .optional("device")]
    }

    private struct LoggedIn: Encodable, Sendable {
        let accessToken: String
        let refreshToken: String
        let expiresIn: Int
        let user: User
        /// Absent while there is nobody to connect to.
        let realtime: Realtime?

        struct Realtime: Encodable, Sendable {
            let url: String
        }
    }

    private func logIn(_ call: Call) async throws -> Reply {
        let body: Credentials = try await call.body()
        let session = try await bus.call(LogIn(username: body.username, password: body.password, device: body.device))
        let tokens = session.tokens
        if routes.routes == nil { await routes.readOnce(within: Self.patience) }
        let answer = LoggedIn(
            accessToken: tokens.accessToken, refreshToken: tokens.refreshToken, expiresIn: tokens.expiresIn, user: session.user,
            realtime: routes.place(of: session.user.id)?.instance.map { LoggedIn.Realtime(url: $0.url) })
        return try Reply.json(answer, .created).unstored
    }

    private struct Refresh: Body {
        var refreshToken: String
        static let fields: [BodyField] = [.required("refreshToken")]
    }

    private func refresh(_ call: Call) async throws -> Reply {
        let body: Refresh = try await call.body()
        return try Reply.json(try await bus.call(RefreshSession(refreshToken: body.refreshToken))).unstored
    }

    private func list(_ call: Call) async throws -> Reply {
        let caller = try call.caller
        return try await bus.relay(
            ListSessions(
                userID: caller.userID, sessionID: caller.sessionID, limit: try call.limit(), after: try call.query("after")))
    }

    private func revoke(_ call: Call) async throws -> Reply {
        let caller = try call.caller
        let session = try call.segment("sessionId") == "current" ? caller.sessionID : call.id("sessionId")
        _ = try await bus.call(RevokeSession(userID: caller.userID, sessionID: session))
        revocations.revoke([session])
        return .noContent
    }
}

extension Reply {
    /// Secrets stay out of every cache (RFC 6749, 5.1).
    fileprivate var unstored: Reply {
        var reply = self
        reply.headers[.cacheControl] = "no-store"
        return reply
    }
}
