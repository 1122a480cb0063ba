import Bus
import Contracts
import HTTPTypes
import Hummingbird
import Edge

/// The own account.
struct AccountRoutes {
    let bus: any ProcedureCaller

    var endpoints: [Endpoint] {
        [
            .get("/v1/me", .signedIn, read),
            .patch("/v1/me", change),
            .put("/v1/me/password", changePassword),
        ]
    }

    private func read(_ call: Call) async throws -> Reply {
        let account = try await bus.call(GetAccount(userID: try call.caller.userID))
        return try Reply.json(account.user).tagged(Call.accountTag(account.user.id, account.version), for: call)
    }

    private struct Change: Body {
        var displayName: String?
        /// Empty to remove it, which clients say as `null` (RFC 7396).
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

    private func change(_ call: Call) async throws -> Reply {
        let version = try call.expectedVersion()
        let body: Change = try await call.body()
        let account = try await bus.call(
            UpdateProfile(
                userID: try call.caller.userID, version: version, displayName: body.displayName, avatarURL: body.avatarURL))
        return try Reply.json(account.user).tagged(Call.accountTag(account.user.id, account.version))
    }

    private struct Passwords: Body {
        var currentPassword: String
        var newPassword: String
        static let fields: [BodyField] = [.required("currentPassword"), .required("newPassword")]
    }

    private func changePassword(_ call: Call) async throws -> Reply {
        let caller = try call.caller
        let body: Passwords = try await call.body()
        _ = try await bus.call(
            ChangePassword(
                userID: caller.userID, sessionID: caller.sessionID, currentPassword: body.currentPassword,
                newPassword: body.newPassword))
        return .noContent
    }
}
