import Testing

@testable import ServiceKit

@Suite struct ServiceCommandTests {
    private let own = [OwnCommand("make-admin", "<username>", "gives a user the admin role")]

    @Test(
        "each command line means one command",
        arguments: [
            ([], ServiceCommand.serve),
            (["serve"], .serve),
            (["migrate"], .migrate),
            (["--help"], .help),
            (["--version"], .version),
            (["dead-letters", "list"], .deadLetters(.list(limit: 100))),
            (["dead-letters", "list", "--limit", "7"], .deadLetters(.list(limit: 7))),
            (["dead-letters", "replay", "--all"], .deadLetters(.replay(.all))),
            (["dead-letters", "drop", "1", "2"], .deadLetters(.drop(.ids(["1", "2"])))),
            (["make-admin", "ann"], .own("make-admin", arguments: ["ann"])),
        ])
    func understood(arguments: [String], command: ServiceCommand) throws {
        #expect(try ServiceCommand(arguments: arguments, own: own) == command)
    }

    @Test(
        "what is not understood is refused with a reason that names it",
        arguments: [
            (["migrat"], "migrat"), (["migrate", "now"], "migrate"), (["dead-letters"], "dead-letters"),
            (["make-admin"], "<username>"),
            (["dead-letters", "list", "--limit", "0"], "limit"), (["dead-letters", "drop"], "--all"),
            (["dead-letters", "drop", "--al"], "--all"),
        ])
    func refused(arguments: [String], reason: String) {
        let error = #expect(throws: UsageError.self) { try ServiceCommand(arguments: arguments, own: own) }
        #expect(error?.description.contains(reason) == true)
    }

    @Test("the help shows every command and every setting with its default")
    func help() {
        let text = ServiceCommand.help(service: "users", own: own, settings: CommonSettings.all + PostgresSettings.all)
        for piece in [
            "users migrate", "users dead-letters replay", "users make-admin <username>", "MARTLET_POSTGRES_DIRECT_HOST",
            "5432 unless set",
        ] {
            #expect(text.contains(piece), "\(piece)")
        }
    }
}
