import ArgumentParser
import Testing

@testable import ServiceKit

@Suite("Command lines") struct ServiceCommandTests {
    private struct MakeAdmin: CustomCommand {
        static let configuration = CommandConfiguration(abstract: "Give a user the admin role.")
        @Argument var username: String
    }

    private let commandLine = ServiceCommandLine(
        service: "users", customCommands: [MakeAdmin.self], settings: CommonSettings.all + PostgresSettings.all)

    @Test(
        "serve is the default; serve and migrate are recognised",
        arguments: [([], "serve"), (["serve"], "serve"), (["migrate"], "migrate")])
    func serveAndMigrate(arguments: [String], name: String) throws {
        #expect("\(try commandLine.parse(arguments))" == name)
    }

    @Test(
        "each dead-letters command line has one meaning",
        arguments: [
            (["list"], DeadLetterCommand.list(limit: 100)), (["list", "--limit", "7"], .list(limit: 7)),
            (["replay", "--all"], .replay(.all)), (["replay", "1"], .replay(.ids(["1"]))), (["drop", "--all"], .drop(.all)),
            (["drop", "1", "2"], .drop(.ids(["1", "2"]))),
        ])
    func deadLetters(arguments: [String], expected: DeadLetterCommand) throws {
        guard case .deadLetters(let command) = try commandLine.parse(["dead-letters"] + arguments) else {
            Issue.record("not a dead-letters command")
            return
        }
        #expect(command == expected)
    }

    @Test("a custom command arrives with its arguments")
    func custom() throws {
        let command = try commandLine.parse(["make-admin", "ann"])
        #expect(command.custom(MakeAdmin.self)?.username == "ann")
        #expect(try commandLine.parse(["migrate"]).custom(MakeAdmin.self) == nil)
    }

    @Test(
        "a wrong command line is refused with status 64 and a message that names the mistake",
        arguments: [
            (["migrat"], "'migrat'"), (["migrate", "now"], "'now'"), (["dead-letters"], "list, replay and drop"),
            (["dead-letters", "lst"], "'lst'"), (["make-admin"], "<username>"), (["make-admin", "ann", "bob"], "'bob'"),
            (["dead-letters", "list", "--limit", "0"], "--limit"), (["dead-letters", "list", "--limit", "10001"], "--limit"),
            (["dead-letters", "drop"], "--all"), (["dead-letters", "drop", "1", "--all"], "--all"),
            (["dead-letters", "drop", "--al"], "--all"),
        ])
    func refused(arguments: [String], reason: String) throws {
        let exit = try #require(throws: CommandLineExit.self) { try commandLine.parse(arguments) }
        #expect(exit.status == 64)
        #expect(exit.message.contains(reason), "\(exit.message)")
    }

    @Test(
        "the help lists every command, and every setting with its default",
        arguments: [["--help"], ["-h"], ["help"]])
    func help(arguments: [String]) throws {
        let exit = try #require(throws: CommandLineExit.self) { try commandLine.parse(arguments) }
        #expect(exit.status == 0)
        for piece in [
            "serve (default)", "migrate", "dead-letters", "make-admin", "MARTLET_POSTGRES_DIRECT_HOST", "default: 5432",
        ] {
            #expect(exit.message.contains(piece), "\(piece)")
        }
    }

    @Test(
        "each command has a help of its own",
        arguments: [
            (["dead-letters", "--help"], ["list", "replay", "drop"]), (["help", "make-admin"], ["users make-admin <username>"]),
            (["dead-letters", "replay", "--help"], ["users dead-letters replay", "--all"]),
        ])
    func ownHelp(arguments: [String], pieces: [String]) throws {
        let exit = try #require(throws: CommandLineExit.self) { try commandLine.parse(arguments) }
        #expect(exit.status == 0)
        for piece in pieces { #expect(exit.message.contains(piece), "\(exit.message)") }
        #expect(!exit.message.contains("MARTLET_"))
    }

    @Test("version prints the service and its version", arguments: [["--version"], ["version"]])
    func version(arguments: [String]) throws {
        let exit = try #require(throws: CommandLineExit.self) { try commandLine.parse(arguments) }
        #expect(exit.status == 0)
        #expect(exit.message == "users \(MartletVersion.current)")
    }
}
