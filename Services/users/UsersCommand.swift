import Contracts
import Logging
import ServiceKit

/// What `users <command>` does besides serving.
enum UsersCommand: Equatable {
    case makeAdmin(String)
    case removeAdmin(String)
    case rotateKeys

    static let all = [
        OwnCommand("make-admin", "<username>", "gives an account the role admin; it shows in the tokens of its next refresh"),
        OwnCommand("remove-admin", "<username>", "takes it away again, and ends the account's sessions, as their tokens have it"),
        OwnCommand("rotate-keys", "", "makes a new signing key, which signs once every edge has it"),
    ]

    /// There is nobody of that name.
    struct NoSuchUser: Error, CustomStringConvertible {
        let name: String
        var description: String { "there is no user \"\(name)\"" }
    }

    /// - Returns: `nil` for what every service does.
    init?(_ command: ServiceCommand) throws {
        guard case .own(let name, let arguments) = command else { return nil }
        switch (name, arguments.first) {
        case ("make-admin", let username?): self = .makeAdmin(username)
        case ("remove-admin", let username?): self = .removeAdmin(username)
        case ("rotate-keys", nil): self = .rotateKeys
        default: return nil
        }
    }

    func run(_ parts: UsersParts, logger: Logger) async throws {
        switch self {
        case .makeAdmin(let name):
            guard let username = try? Username(name), try await parts.accounts.makeAdmin(username) else {
                throw NoSuchUser(name: name)
            }
            logger.info("an account is an admin's now", metadata: ["username": "\(username.text)"])
        case .removeAdmin(let name):
            guard let username = try? Username(name), try await parts.accounts.removeAdmin(username, now: parts.sweeper.now())
            else { throw NoSuchUser(name: name) }
            logger.info("an account is no admin's any more", metadata: ["username": "\(username.text)"])
        case .rotateKeys: try await parts.service.keys.rotate()
        }
    }
}
