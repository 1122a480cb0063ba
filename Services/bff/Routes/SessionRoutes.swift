import Bus
import Contracts
import Edge
import HTTPTypes
import Realtime

/// Logs in, refreshes and lists sessions, and logs out.
struct SessionRoutes {
    let bus: any ProcedureCaller
    let routes: RouteTable
    let revocations: Revocations
    /// How long a log-in waits for the first routes. Without them the response has no `realtime`; clients
    /// then use `GET /v1/realtime`.
    private static let routesTimeout = Duration.milliseconds(500)

    var endpoints: [Endpoint] {
        [
            .post("/v1/sessions", access: .anonymous, logIn),
            .get("/v1/sessions", list),
            .post("/v1/sessions/refresh", access: .anonymous, refresh),
            .delete("/v1/sessions/{sessionId}", revoke),
        ]
    }

    private struct Credentials: JSONBody {
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
        /// Absent while no instance serves the user's live connections.
        let realtime: Realtime?

        struct Realtime: Encodable, Sendable {
            let url: String
        }
    }

    private func logIn(_ request: APIRequest) async throws -> APIResponse {
        let body: Credentials = try await request.body()
        let session = try await bus.call(LogIn(username: body.username, password: body.password, device: body.device))
        let tokens = session.tokens
        if routes.routes == nil { await routes.readOnce(within: Self.routesTimeout) }
        let answer = LoggedIn(
            accessToken: tokens.accessToken, refreshToken: tokens.refreshToken, expiresIn: tokens.expiresIn, user: session.user,
            realtime: routes.place(of: session.user.id)?.instance.map { LoggedIn.Realtime(url: $0.url) })
        return try APIResponse.json(answer, .created).unstored
    }

    private struct Refresh: JSONBody {
        var refreshToken: String
        static let fields: [BodyField] = [.required("refreshToken")]
    }

    private func refresh(_ request: APIRequest) async throws -> APIResponse {
        let body: Refresh = try await request.body()
        return try APIResponse.json(try await bus.call(RefreshSession(refreshToken: body.refreshToken))).unstored
    }

    private func list(_ request: APIRequest) async throws -> APIResponse {
        let caller = try request.caller
        return try await bus.relay(
            ListSessions(
                userID: caller.userID, sessionID: caller.sessionID, limit: try request.limit(), after: try request.query("after"))
        )
    }

    private func revoke(_ request: APIRequest) async throws -> APIResponse {
        let caller = try request.caller
        let session = try request.segment("sessionId") == "current" ? caller.sessionID : request.id("sessionId")
        _ = try await bus.call(RevokeSession(userID: caller.userID, sessionID: session))
        revocations.revoke([session])
        return .noContent
    }
}
