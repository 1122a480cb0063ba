import Bus
import Contracts
import Edge
import HTTPTypes
import Hummingbird

/// The caller's own account.
struct AccountRoutes {
    let bus: any ProcedureCaller

    var endpoints: [Endpoint] {
        [
            .get("/v1/me", read),
            .patch("/v1/me", change),
            .put("/v1/me/password", changePassword),
        ]
    }

    private func read(_ request: APIRequest) async throws -> APIResponse {
        let account = try await bus.call(GetAccount(userID: try request.caller.userID))
        return try APIResponse.json(account.user).tagged(APIRequest.accountTag(account.user.id, account.version), for: request)
    }

    private struct Change: JSONBody {
        var displayName: String?
        /// Empty to remove it: clients send `null` (RFC 7396).
        var avatarURL: String?
        static let fields: [BodyField] = [.optional("displayName"), .optional("avatarUrl")]

        enum CodingKeys: String, CodingKey {
            case displayName
            case avatarURL = "avatarUrl"
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            displayName = try fields.decodeIfPresent(String.self, forKey: .displayName)
            avatarURL = try fields.decodeIfPresent(String.self, forKey: .avatarURL)
            if avatarURL == nil, fields.contains(.avatarURL) { avatarURL = "" }
        }
    }

    private func change(_ request: APIRequest) async throws -> APIResponse {
        let version = try request.expectedVersion()
        let body: Change = try await request.body()
        let account = try await bus.call(
            UpdateProfile(
                userID: try request.caller.userID, version: version, displayName: body.displayName, avatarURL: body.avatarURL))
        return try APIResponse.json(account.user).tagged(APIRequest.accountTag(account.user.id, account.version))
    }

    private struct Passwords: JSONBody {
        var currentPassword: String
        var newPassword: String
        static let fields: [BodyField] = [.required("currentPassword"), .required("newPassword")]
    }

    private func changePassword(_ request: APIRequest) async throws -> APIResponse {
        let caller = try request.caller
        let body: Passwords = try await request.body()
        _ = try await bus.call(
            ChangePassword(
                userID: caller.userID, sessionID: caller.sessionID, currentPassword: body.currentPassword,
                newPassword: body.newPassword))
        return .noContent
    }
}
