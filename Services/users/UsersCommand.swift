import ArgumentParser
import Contracts
import Logging
import ServiceKit

/// A command of `users` besides serving.
protocol UsersCommand: CustomCommand {
    func run(_ components: UsersComponents, logger: Logger) async throws
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
        abstract: "Give an account the role admin, effective with its next refreshed token.")

    @Argument(help: "The name of the account.") var username: String

    func run(_ components: UsersComponents, logger: Logger) async throws {
        guard let name = try? Username(username), try await components.accounts.makeAdmin(name) else {
            throw UsersCommands.NoSuchUser(name: username)
        }
        logger.info("admin role granted", metadata: ["username": "\(name.text)"])
    }
}

struct RemoveAdmin: UsersCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove the role admin from an account, and revoke its sessions.")

    @Argument(help: "The name of the account.") var username: String

    func run(_ components: UsersComponents, logger: Logger) async throws {
        guard let name = try? Username(username), try await components.accounts.removeAdmin(name, now: components.sweeper.now())
        else {
            throw UsersCommands.NoSuchUser(name: username)
        }
        logger.info("admin role removed", metadata: ["username": "\(name.text)"])
    }
}

struct RotateKeys: UsersCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create a signing key, which signs once every edge has it.")

    func run(_ components: UsersComponents, logger: Logger) async throws { try await components.service.keys.rotate() }
}
