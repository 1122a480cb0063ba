import Foundation
import StackTesting
import TestSupport
import Testing

/// WebSocket connections of the Python library `websockets`. Each frame is also checked against
/// `docs/asyncapi.yaml`.
@Suite("Live connections over the real stack", .timeLimit(.minutes(15))) struct RealtimeTests {
    @Test("hello is first, then frames are numbered 1, 2, 3; the token is accepted as subprotocol and as header")
    func hello() async throws { try await play("hello") }

    @Test("GET /v1/realtime and log-in return the URL of a working connection")
    func place() async throws { try await play("place") }

    @Test("a rejected handshake has a reason: 401 for bad tokens, none, or an ended session; 400, 404, 426")
    func refusals() async throws { try await play("refusals") }

    @Test("a message reaches every device of every member once and in order, also the sender's other devices")
    func delivery() async throws { try await play("delivery") }

    @Test("concurrent messages over sockets and HTTP have one order without a hole for all devices")
    func crowd() async throws { try await play("crowd") }

    @Test("an ack equals the HTTP response; a repeat over either gets the first result")
    func acknowledgement() async throws { try await play("acknowledgement") }

    @Test("errors have the codes of HTTP and the ref of the request: notFound, invalid, denied after a block")
    func errors() async throws { try await play("errors") }

    @Test("read and delivery markers reach the other members and the user's other devices")
    func markers() async throws { try await play("markers") }

    @Test("typing is shown to the other members of the chat only")
    func typing() async throws { try await play("typing") }

    @Test("connected contacts see presence; strangers and blocked users do not")
    func presence() async throws { try await play("presence") }

    @Test(
        "presence follows contacts: shown when two users connect, withdrawn when they disconnect or block"
    )
    func contacts() async throws { try await play("contacts") }

    @Test("a client resumes the same connection without a gap")
    func resume() async throws { try await play("resume") }

    @Test("a client that cannot resume gets a gap and catches up by its cursor")
    func resync() async throws { try await play("resync") }

    @Test("revoking a session closes its connection with the reason and 4003; others stay")
    func revocation() async throws { try await play("revocation") }

    @Test("a removed member sees the removal and nothing after it")
    func removal() async throws { try await play("removal") }

    @Test("changes of chats, members, connections and blocks reach the affected users")
    func changes() async throws { try await play("changes") }

    private func play(_ scenario: String) async throws {
        let document = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/asyncapi.yaml").standardizedFileURL.path
        _ = try await Subprocess.run(
            "/usr/bin/python3", ["-B", Subprocess.script("realtime.py"), TestStack.value("BFF_URL"), document, scenario])
    }
}
