import Synchronization

/// A broker that accepts any login, answers by the protocol, and otherwise follows a script.
final class ScriptedBroker: Sendable {
    /// One client connection.
    struct Client: Sendable {
        /// The number of the connection, counted from 1.
        let number: Int
        let socket: Socket

        func send(_ frames: Frame...) { socket.send(frames.flatMap(\.bytes)) }
    }

    /// Returns whether the script has handled the frame; otherwise it gets the usual answer.
    typealias Script = @Sendable (Frame, Client) -> Bool

    private let listener: Listener

    var port: Int { listener.port }

    private init(tune: (UInt16, UInt32, UInt16), greet: (@Sendable (Client) -> Bool)?, _ script: @escaping Script) throws {
        listener = try Listener { socket, number in
            let client = Client(number: number, socket: socket)
            if greet?(client) == true { return }
            Session(client: client, tune: tune, script: script).serve()
        }
    }

    /// Runs `body` with a broker.
    ///
    /// - Parameters:
    ///   - tune: the maximum number of channels, the maximum frame size, the heartbeat interval in seconds.
    ///   - greet: handles a new client; the client is logged in unless it returns true.
    static func with<Result>(
        tune: (UInt16, UInt32, UInt16) = (255, 131_072, 0), greet: (@Sendable (Client) -> Bool)? = nil,
        _ script: @escaping Script = { _, _ in false }, _ body: (ScriptedBroker) async throws -> Result
    ) async throws -> Result {
        let broker = try ScriptedBroker(tune: tune, greet: greet, script)
        defer { broker.listener.shut() }
        return try await body(broker)
    }

    func cut() { listener.cut() }
}

/// The conversation with one client.
private struct Session {
    let client: ScriptedBroker.Client
    let tune: (channels: UInt16, frame: UInt32, heartbeat: UInt16)
    let script: ScriptedBroker.Script

    func serve() {
        var received: ArraySlice<UInt8> = []
        var isGreeted = false
        while true {
            let bytes = client.socket.receive()
            if bytes.isEmpty { return }
            received += bytes
            if !isGreeted {
                guard received.count >= 8 else { continue }
                received = received.dropFirst(8)  // "AMQP" and the version
                isGreeted = true
                client.send(.method(0x000A_000A, [0, 9] + big(UInt32(0)) + long("PLAIN") + long("en_US")))
            }
            while let frame = Frame(removingFrom: &received) {
                if !script(frame, client), !logIn(frame) { answer(frame) }
            }
        }
    }

    private func logIn(_ frame: Frame) -> Bool {
        switch frame.method {
        case 0x000A_000B: client.send(.method(0x000A_001E, big(tune.channels) + big(tune.frame) + big(tune.heartbeat)))
        case 0x000A_001F: break
        case 0x000A_0028: client.send(.method(0x000A_0029, short("")))
        default: return false
        }
        return true
    }

    /// Answers a request with success.
    private func answer(_ frame: Frame) {
        guard let id = frame.method else { return }
        let arguments: [UInt8]
        switch id {
        case 0x0014_000A: arguments = big(UInt32(0))
        case 0x0032_000A: arguments = short(frame.text(after: 2)) + big(UInt32(0)) + big(UInt32(0))
        case 0x003C_0014: arguments = short(frame.text(after: 3 + frame.text(after: 2).utf8.count))
        case 0x003C_001E: arguments = short(frame.text(after: 0))
        case 0x000A_0032, 0x0014_0028, 0x0028_000A, 0x0032_0014, 0x003C_000A, 0x0055_000A: arguments = []
        default: return
        }
        client.send(.method(id + 1, channel: frame.channel, arguments))
    }
}

extension Frame {
    /// Returns the short text at this offset after the method's number.
    fileprivate func text(after offset: Int) -> String {
        let rest = payload.dropFirst(4 + offset)
        guard let count = rest.first else { return "" }
        return String(decoding: rest.dropFirst().prefix(Int(count)), as: UTF8.self)
    }

    static func ack(_ number: UInt64, multiple: Bool = false, channel: UInt16 = 1) -> Frame {
        .method(0x003C_0050, channel: channel, big(number) + [multiple ? 1 : 0])
    }

    /// The arguments of a delivery to the first consumer of a channel.
    static func deliver(_ tag: UInt64, channel: UInt16 = 1, consumer: String = "c0") -> Frame {
        .method(0x003C_003C, channel: channel, short(consumer) + big(tag) + [0] + short("e") + short("k"))
    }

    var isPublish: Bool { method == 0x003C_0028 }
}
