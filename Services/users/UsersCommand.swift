import Contracts
import Logging
import ServiceKit

/// The commands of `users` besides serving.
enum UsersCommand: Equatable {
    case makeAdmin(String)
    case removeAdmin(String)
    case rotateKeys

    static let all = [
        OwnCommand("make-admin", "<username>", "gives an account the role admin, effective with its next refreshed token"),
        OwnCommand("remove-admin", "<username>", "takes the role admin away and revokes the account's sessions"),
        OwnCommand("rotate-keys", "", "creates a signing key, which signs once every edge has it"),
    ]

    struct NoSuchUser: Error, CustomStringConvertible {
        let name: String
        var description: String { "there is no user \"\(name)\"" }
    }

    /// - Returns: `nil` for a command that every service has.
    init?(_ command: ServiceCommand) throws {
        guard case .own(let name, let arguments) = command else { return nil }
        switch (name, arguments.first) {
        case ("make-admin", let username?): self = .makeAdmin(username)
        case ("remove-admin", let username?): self = .removeAdmin(username)
        case ("rotate-keys", nil): self = .rotateKeys
        default: return nil
        }
    }

    func run(_ components: UsersComponents, logger: Logger) async throws {
        switch self {
        case .makeAdmin(let name):
            guard let username = try? Username(name), try await components.accounts.makeAdmin(username) else {
                throw NoSuchUser(name: name)
            }
            logger.info("admin role granted", metadata: ["username": "\(username.text)"])
        case .removeAdmin(let name):
            guard let username = try? Username(name),
                try await components.accounts.removeAdmin(username, now: components.sweeper.now())
            else { throw NoSuchUser(name: name) }
            logger.info("admin role removed", metadata: ["username": "\(username.text)"])
        case .rotateKeys: try await components.service.keys.rotate()
        }
    }
}
