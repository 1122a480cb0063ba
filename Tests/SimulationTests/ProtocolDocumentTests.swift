import Bus
import CBOR
import Contracts
import Foundation
import StackTesting
import TestSupport
import Testing

@testable import Chats
@testable import Messaging
@testable import Users

/// `docs/asyncapi.yaml` beside the code; that what is really sent is as its schemas say, the end-to-end tests look at.
@Suite("asyncapi.yaml is true") struct ProtocolDocumentTests {
    @Test("it has every frame of a client, and each example is understood")
    func clients() async throws {
        let examples = try await examples("receive")
        #expect(Set(examples.keys) == Set(ClientFrame.Kind.allCases.map(\.rawValue)))
        for (type, payloads) in examples {
            for payload in payloads {
                let frame = try ClientFrame(try JSONSerialization.data(withJSONObject: payload))
                #expect(frame != .unknown, "\(type): \(payload)")
            }
            #expect(!payloads.isEmpty)
        }
    }

    @Test("it has every frame that services make, and each example is what they make of it")
    func services() async throws {
        let examples = try await examples("send")
        let own = Set(ServerFrame.Kind.allCases.map(\.rawValue))
        let others = try Self.types(in: "Services/chats/Live/Frames.swift").union(
            Self.types(in: "Services/users/Answers/LiveContacts.swift"))
        #expect(others.count >= 6)
        #expect(Set(examples.keys) == own.union(others))
        var made: [String: [NSDictionary]] = [:]
        for text in try Self.ownFrames + Self.framesOfChats() + Self.framesOfUsers() {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(text)) as? NSDictionary)
            made[object["type"] as? String ?? "", default: []].append(object)
        }
        for (type, payloads) in examples {
            let payloads = payloads.map { NSDictionary(dictionary: $0.filter { $0.key != "n" }) }
            #expect(Set(payloads) == Set(made[type] ?? []), "\(type)")
            #expect(!payloads.isEmpty)
        }
    }

    // MARK: The document

    /// By type, of the messages that the server sends or receives.
    private func examples(_ action: String) async throws -> [String: [[String: Any]]] {
        let script = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)"
        let text = try await Subprocess.run("/usr/bin/python3", ["-c", script, Self.path("docs/asyncapi.yaml")])
        let document = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let operations = try #require(document["operations"] as? [String: [String: Any]])
        let messages = try #require((document["components"] as? [String: [String: Any]])?["messages"] as? [String: [String: Any]])
        let listed = operations.values.flatMap { operation in
            let own = operation["action"] as? String == action ? operation["messages"] : nil
            let replies = action == "send" ? (operation["reply"] as? [String: Any])?["messages"] : nil
            return (own as? [[String: String]] ?? []) + (replies as? [[String: String]] ?? [])
        }
        var found: [String: [[String: Any]]] = [:]
        for name in Set(listed.compactMap { $0["$ref"]?.split(separator: "/").last.map(String.init) }) {
            let message = try #require(messages[name])
            let type = try #require(message["name"] as? String)
            found[type] = (message["examples"] as? [[String: Any]] ?? []).compactMap { $0["payload"] as? [String: Any] }
        }
        return found
    }

    private static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../\(name)").standardizedFileURL
            .path
    }

    /// Those that a source file gives to frames.
    private static func types(in file: String) throws -> Set<String> {
        let source = try String(contentsOfFile: path(file), encoding: .utf8)
        let given = source.matches(of: /let type = "(\w+)"/).map(\.1) + source.matches(of: /"type":"(\w+)"/).map(\.1)
        return Set(given.map(String.init))
    }

    // MARK: What is made

    private static let chat = ChatID(rawValue: 248_151_201_402_880_000)
    private static let grace = UserID(rawValue: 248_151_201_402_880_004)

    private static let first = Message(
        id: MessageID(rawValue: 248_151_201_402_880_001), chatID: chat, seq: 7, rev: 9,
        senderID: UserID(rawValue: 248_151_201_402_880_002),
        clientMessageID: ClientMessageID(rawValue: "0d1d7b56-3c1a-4d2e-9a57-0f0ad6ac2f5e"), text: "Hello, Grace. 🦆",
        sentAt: Timestamp(millisecondsSinceEpoch: 1_772_366_400_000))
    private static let second = Message(
        id: MessageID(rawValue: 248_151_201_402_880_003), chatID: chat, seq: 8, rev: 10, senderID: grace,
        clientMessageID: ClientMessageID(rawValue: "c-2"), text: "Hello.",
        sentAt: Timestamp(millisecondsSinceEpoch: 1_772_366_401_000), replyTo: 7)

    private static let ownFrames: [ServerFrame.Text] = [
        ServerFrame.hello(connectionID: "1q7xk2-17", partition: 113, heartbeatSeconds: 25, resumed: false),
        ServerFrame.hello(connectionID: "1q7xk2-17", partition: 113, heartbeatSeconds: 25, resumed: true),
        ServerFrame.presence(grace, online: true),
        ServerFrame.presence(grace, online: false, lastSeenAt: Timestamp(millisecondsSinceEpoch: 1_772_366_700_000)),
        ServerFrame.ack(.text("m1"), first), ServerFrame.ack(.number(5), first),
        ServerFrame.error(.text("m1"), code: "notFound", "there is no such chat, or it is not yours to see"),
        ServerFrame.error(nil, code: "malformed", "A frame is a JSON object with a type, which is a string."),
        ServerFrame.pong, ServerFrame.gap,
        ServerFrame.disconnect("moved", url: "wss://chat.example/rt/messaging-2", afterMilliseconds: 140),
        ServerFrame.disconnect("revoked", afterMilliseconds: 0), ServerFrame.disconnect("shutdown", afterMilliseconds: 90),
    ]

    private static func framesOfChats() throws -> [ServerFrame.Text] {
        let (ada, lin) = (UserID(rawValue: 1), UserID(rawValue: 248_151_201_402_880_005))
        let shown: [any Encodable] = [
            Frames.Receipt(chatID: chat, userID: grace, readSeq: 7), Frames.Receipt(chatID: chat, userID: grace, deliveredSeq: 8),
            Frames.Typing(chatID: chat, userID: grace),
            Frames.Change(chatID: chat, rev: 1, change: "created", title: "Compilers"),
            Frames.Change(ChatUpdated(chatID: chat, title: "Linkers", userID: ada, rev: 11)),
            Frames.Change(MemberChanged(chatID: chat, memberID: lin, change: .added, role: .member, userID: ada, rev: 12)),
            Frames.Change(MemberChanged(chatID: chat, memberID: lin, change: .removed, role: .member, userID: ada, rev: 13)),
        ]
        return try [first, second].map { Array(Frames.message($0, json: try CBOREncoder.contracts.json($0)[...]).utf8) }
            + shown.map { try CBOREncoder.contracts.json($0) }
    }

    private static func framesOfUsers() throws -> [ServerFrame.Text] {
        let me = UserID(rawValue: 1)
        let facts: [OutboxEvent] = [
            try OutboxEvent(ConnectionChanged(userID: grace, otherID: me, step: .invite, status: .sent, rev: 1)),
            try OutboxEvent(ConnectionChanged(userID: grace, otherID: me, step: .accept, status: .connected, rev: 2)),
            try OutboxEvent(ConnectionChanged(userID: grace, otherID: me, step: .remove, status: nil, rev: 3)),
            try OutboxEvent(BlockChanged(userID: me, otherID: grace, blocked: true, rev: 4)),
        ]
        return try LiveContacts.delivery(of: facts).items.filter { $0.recipients == [me] }.map { Array($0.frame.utf8) }
    }
}
