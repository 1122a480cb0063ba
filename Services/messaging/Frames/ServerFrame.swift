import CBOR
import Contracts

/// The frames that this service makes itself, as their text. Numbered ones get their `n` when they are sent, see ``numbered(_:_:)``.
enum ServerFrame {
    typealias Text = ReplayBuffer.Text

    /// Their types; `chats` and `users` make others.
    enum Kind: String, CaseIterable {
        case hello, ack, error, presence, disconnect, pong, gap
    }

    /// The first frame, and the only one without a number.
    static func hello(connectionID: String, partition: Int, heartbeatSeconds: Int, resumed: Bool) -> Text {
        var json = JSONText(.hello)
        json.add("connectionId", connectionID)
        json.add("partition", raw: "\(partition)")
        json.add("heartbeatSeconds", raw: "\(heartbeatSeconds)")
        json.add("resumed", raw: "\(resumed)")
        return json.finished
    }

    static func ack(_ ref: FrameRef, _ message: Message) -> Text {
        var json = JSONText(.ack)
        json.add("ref", ref)
        json.add("id", message.id.description)
        json.add("seq", raw: "\(message.seq)")
        return json.finished
    }

    static func error(_ ref: FrameRef?, code: String, _ message: String) -> Text {
        var json = JSONText(.error)
        if let ref { json.add("ref", ref) }
        json.add("code", code)
        json.add("message", message)
        return json.finished
    }

    static func presence(_ user: UserID, online: Bool, lastSeenAt: Timestamp? = nil) -> Text {
        var json = JSONText(.presence)
        json.add("userId", user.description)
        json.add("online", raw: "\(online)")
        if let lastSeenAt { json.add("lastSeenAt", lastSeenAt.description) }
        return json.finished
    }

    static func disconnect(_ reason: String, url: String? = nil, afterMilliseconds: Int) -> Text {
        var json = JSONText(.disconnect)
        json.add("reason", reason)
        if let url { json.add("url", url) }
        json.add("afterMs", raw: "\(afterMilliseconds)")
        return json.finished
    }

    static let pong = JSONText(.pong).finished
    static let gap = JSONText(.gap).finished

    /// What stands before a frame's own members once it has its number. The text begins with `{"type":`, as all of ours do.
    static func opening(_ n: Int64) -> String { "{\"n\":\(n)," }
}

/// A flat JSON object, written member by member.
private struct JSONText {
    private var json = JSONWriter()

    init(_ type: ServerFrame.Kind) { json.append(json: "{\"type\":\"\(type.rawValue)\"".utf8) }

    var finished: [UInt8] { json.bytes + [UInt8(ascii: "}")] }

    mutating func add(_ name: String, raw value: String) { json.append(json: ",\"\(name)\":\(value)".utf8) }

    mutating func add(_ name: String, _ ref: FrameRef) {
        switch ref {
        case .text(let text): add(name, text)
        case .number(let number): add(name, raw: "\(number)")
        }
    }

    mutating func add(_ name: String, _ value: String) {
        json.append(json: ",\"\(name)\":".utf8)
        json.append(string: value)
    }
}
