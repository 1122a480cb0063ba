import Foundation
import StackTesting
import TestSupport
import Testing

/// Live connections, with the Python library `websockets`. Each frame that comes is also held against `docs/asyncapi.yaml`.
@Suite("Live connections over the real stack", .timeLimit(.minutes(15))) struct RealtimeTests {
    @Test("hello is first, then frames are numbered 1, 2, 3; the token comes as a subprotocol or in the header")
    func hello() async throws { try await play("hello") }

    @Test("GET /v1/realtime and logging in say where, and there it is")
    func place() async throws { try await play("place") }

    @Test("who is not let in is told why: 401 for bad tokens, none, or an ended session; 400, 404, 426")
    func refusals() async throws { try await play("refusals") }

    @Test("a message reaches every device of every member, the sender's others too, once, in order, however it was sent")
    func delivery() async throws { try await play("delivery") }

    @Test("many messages at once, over sockets and HTTP: everybody sees one order without a hole")
    func crowd() async throws { try await play("crowd") }

    @Test("an ack has what HTTP would answer; a repeat, here or there, gets the first one's")
    func acknowledgement() async throws { try await play("acknowledgement") }

    @Test("what is refused has the codes of HTTP and the ref of the request: notFound, invalid, denied after a block")
    func errors() async throws { try await play("errors") }

    @Test("what one has read or received is shown to the other, and to one's other devices")
    func markers() async throws { try await play("markers") }

    @Test("that somebody writes is shown to the others in the chat, and to nobody else")
    func typing() async throws { try await play("typing") }

    @Test("connected contacts see who comes, goes and was there; strangers and the blocked see nothing")
    func presence() async throws { try await play("presence") }

    @Test(
        "two who become contacts are shown to each other at once; when they are none any more, or one blocks the other, both see the other go"
    )
    func contacts() async throws { try await play("contacts") }

    @Test("a client that comes back goes on without a gap, as the same connection")
    func resume() async throws { try await play("resume") }

    @Test("a client that cannot go on is told so, and finds what it missed by its cursor")
    func resync() async throws { try await play("resync") }

    @Test("a session that is ended from the list of devices loses its connection, with the reason and 4003; others stay")
    func revocation() async throws { try await play("revocation") }

    @Test("who is removed from a chat sees that, and nothing after it")
    func removal() async throws { try await play("removal") }

    @Test("changes of chats, members, connections and blocks are shown to whom they concern")
    func changes() async throws { try await play("changes") }

    private func play(_ scenario: String) async throws {
        let document = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/asyncapi.yaml").standardizedFileURL.path
        _ = try await Subprocess.run(
            "/usr/bin/python3", ["-B", Subprocess.script("realtime.py"), TestStack.value("BFF_URL"), document, scenario])
    }
}
