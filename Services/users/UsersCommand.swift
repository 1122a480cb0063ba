import ArgumentParser
import Contracts
import Logging
import ServiceKit

/// What `users <command>` does besides serving.
protocol UsersCommand: CustomCommand {
    func run(_ parts: UsersParts, logger: Logger) async throws
}

enum UsersCommands {
    static let all: [any CustomCommand.Type] = [MakeAdmin.self, RemoveAdmin.self, RotateKeys.self]

    /// No account has this name.
    struct NoSuchUser: Error, CustomStringConvertible {
        let name: String
        var description: String { "there is no user \"\(name)\"" }
    }
}

struct MakeAdmin: UsersCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give an account the role admin; its tokens carry the role from the next refresh on.")

    @Argument(help: "The name of the account.") var username: String

    func run(_ parts: UsersParts, logger: Logger) async throws {
        guard let name = try? Username(username), try await parts.accounts.makeAdmin(name) else {
            throw UsersCommands.NoSuchUser(name: username)
        }
        logger.info("admin role granted", metadata: ["username": "\(name.text)"])
    }
}

struct RemoveAdmin: UsersCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove the role admin from an account, and end the sessions whose tokens carry it.")

    @Argument(help: "The name of the account.") var username: String

    func run(_ parts: UsersParts, logger: Logger) async throws {
        guard let name = try? Username(username), try await parts.accounts.removeAdmin(name, now: parts.sweeper.now()) else {
            throw UsersCommands.NoSuchUser(name: username)
        }
        logger.info("admin role removed", metadata: ["username": "\(name.text)"])
    }
}

struct RotateKeys: UsersCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create a new signing key, which signs tokens once every edge has it.")

    func run(_ parts: UsersParts, logger: Logger) async throws { try await parts.service.keys.rotate() }
}
