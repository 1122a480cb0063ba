import Foundation
import StackTesting
import TestSupport
import Testing

@Suite("The command dead-letters", .timeLimit(.minutes(15))) struct DeadLetterCommandTests {
    @Test("list prints every letter, drop removes the one that is named and prints the count")
    func listAndDrop() async throws {
        let id = TestStack.uniqueName("letter")
        let letter = """
            {"routing_key": "chats", "payload": "{}", "payload_encoding": "string", "properties": {"headers": {
                "cloudEvents_id": "\(id)", "cloudEvents_type": "users.test.renamed.v1", "martlet_queue": "chats.work.names",
                "martlet_reason": "invalid: no name"}}}
            """
        try await VirtualHost.management("POST", "exchanges/martlet/martlet.dead/publish", body: letter)
        let row = "\(id)\tusers.test.renamed.v1\tchats.work.names\t-\t2\tinvalid: no name"
        let lines = try await deadLetters("list").split(separator: "\n")
        #expect(lines.first == "id\ttype\tqueue\ttime\tbytes\treason")
        #expect(lines.contains { $0 == row })
        #expect(try await deadLetters("drop", id) == "1 dropped\n")
        #expect(try await !deadLetters("list").contains(id))
    }

    /// Returns what the program `chats` prints on standard output, started as `make dead-letters service=chats` starts it.
    private func deadLetters(_ arguments: String...) async throws -> String {
        try await Subprocess.run(
            TestStack.value("STACK_SCRIPT"),
            [TestStack.value("STACK_DIRECTORY"), "service", "chats", "dead-letters"] + arguments)
    }
}
