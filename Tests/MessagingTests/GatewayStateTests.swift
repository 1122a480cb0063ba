import Contracts
import Testing

@testable import Messaging

/// The rules of the gateway without sockets: events go in, commands come out.
@Suite("The rules of the gateway") struct GatewayStateTests {
    private struct Inputs: GatewayInputs {
        var now = ContinuousClock.now
        var waiting: [SocketID: Int] = [:]
        var knowsRevocations = true
        var revoked: Set<SessionID> = []
        let wallClock = Timestamp(millisecondsSinceEpoch: 1_000_000)
        let sendDeadline = Timestamp(millisecondsSinceEpoch: 1_005_000)

        func status(of session: SessionID) -> SessionStatus {
            revoked.contains(session) ? .revoked : knowsRevocations ? .valid : .unknown
        }
        func bytesWaiting(in socket: SocketID) -> Int { waiting[socket] ?? 0 }
        func url(of partition: Int) -> String? { "ws://other/\(partition)" }
        func reconnectDelay() -> Int { 7 }
    }

    private static let user = UserID(rawValue: 1)
    private static let session = SessionID(rawValue: 5)
    private static let chat = ChatID(rawValue: 7)
    private static let everything = PartitionSet(0..<4)
    private let first = SocketID(index: 0)
    private let second = SocketID(index: 1)
    private var inputs = Inputs()
    private var state: GatewayState

    /// A gateway that serves every partition.
    init() {
        var limits = GatewayLimits()
        limits.outbound = 200
        limits.replay = 150
        state = GatewayState(partitionCount: 4, incarnation: "x", limits: limits, now: inputs.now)
        let answer = Heartbeat.Response(
            epoch: 1, leaseMilliseconds: 60_000, bind: Self.everything, serve: Self.everything)
        #expect(state.apply(answer, sentAt: inputs.now, given: inputs) == .applied)
        state.restoreFeed(given: inputs)
        _ = drain()
    }

    private mutating func drain() -> [GatewayCommand] {
        var commands: [GatewayCommand] = []
        state.drainCommands(into: &commands)
        return commands
    }

    private mutating func connect(_ socket: SocketID, resume: String? = nil) -> [GatewayCommand] {
        let resumption = resume.flatMap { Resumption($0) }
        state.connect(socket, user: Self.user, session: Self.session, resume: resumption, given: inputs)
        return drain()
    }

    private mutating func deliver(_ seqs: Int64...) -> [GatewayCommand] {
        let items = seqs.map { seq in
            Delivery.Item(
                recipients: [Self.user], frame: Self.frame(seq),
                message: Delivery.Place(
                    chatID: Self.chat, seq: seq, senderID: UserID(rawValue: 9),
                    clientMessageID: ClientMessageID(rawValue: "\(seq)"), sentAt: inputs.wallClock))
        }
        state.deliver(Delivery(items: items), given: inputs)
        return drain()
    }

    /// 60 bytes.
    private static func frame(_ seq: Int64) -> String {
        let begin = #"{"type":"message","seq":\#(seq),"text":""#
        return begin + String(repeating: "x", count: 58 - begin.utf8.count) + "\"}"
    }

    private func send(_ seq: Int64, n: Int64, _ socket: SocketID) -> GatewayCommand {
        .send(Array(Self.frame(seq).utf8), n: n, socket)
    }

    @Test("a client is greeted, may then send, and is reported as present")
    mutating func greeting() {
        let hello = ServerFrame.hello(
            connectionID: "x-1", partition: Partitioning.partition(of: Self.user, count: 4), heartbeatSeconds: 25, resumed: false)
        #expect(
            connect(first) == [
                .greet(hello, lastN: 0, first), .open(first), .changePresence(.connected(Self.user, Self.session)),
            ])
        #expect(state.connections == 1)
    }

    @Test("frames of one event count towards the limit before their commands are executed")
    mutating func queuedBytes() {
        _ = connect(first)
        #expect(
            deliver(1, 2, 3, 4, 5, 6) == [
                send(1, n: 1, first), send(2, n: 2, first), send(3, n: 3, first), .reportDrain(first), .record(.framesSkipped),
            ])
    }

    @Test("a slow client gets gap once it reads again, before any later frame")
    mutating func slow() {
        _ = connect(first)
        inputs.waiting[first] = 201
        #expect(deliver(1) == [.reportDrain(first), .record(.framesSkipped)])
        inputs.waiting[first] = 101
        #expect(deliver(2).isEmpty)
        inputs.waiting[first] = 0
        state.applyDrain(of: first, given: inputs)
        #expect(drain() == [.send(ServerFrame.gap, n: 1, first)])
        #expect(deliver(3) == [send(3, n: 2, first)])
    }

    @Test("a client that resumes gets every missed frame, and its former socket is closed")
    mutating func resume() {
        _ = connect(first)
        _ = deliver(1, 2)
        let commands = connect(second, resume: "x-1.1")
        #expect(commands.first == .close(first, .goingAway))
        #expect(commands.dropLast().last == send(2, n: 2, second))
        #expect(state.connections == 1)
        // The former socket has no session any more.
        state.applyClose(of: first, given: inputs)
        #expect(drain().isEmpty && state.connections == 1)
        #expect(deliver(3) == [send(3, n: 3, second)])
    }

    @Test("a session whose buffer has overflowed is removed, and cannot be resumed")
    mutating func overflow() {
        _ = connect(first)
        state.applyClose(of: first, given: inputs)
        #expect(drain() == [.changePresence(.disconnected(Self.user, Self.session))])
        #expect(deliver(1, 2).isEmpty && !state.sessions.isEmpty)
        _ = deliver(3)
        #expect(state.sessions.isEmpty && state.replayBytes == 0)
        guard case .greet(let hello, _, _) = connect(second, resume: "x-1.0").first else { return #expect(Bool(false)) }
        #expect(String(decoding: hello, as: UTF8.self).contains(#""resumed":false"#))
    }

    @Test("clients of a partition that moves are redirected, and its release is reported when their sockets are closed")
    mutating func handover() throws {
        _ = connect(first)
        let partition = Partitioning.partition(of: Self.user, count: 4)
        let rest = Self.everything.subtracting(PartitionSet([partition]))
        let answer = Heartbeat.Response(epoch: 2, leaseMilliseconds: 60_000, bind: rest, serve: rest)
        #expect(state.apply(answer, sentAt: inputs.now, given: inputs) == .needsRoutes)
        #expect(state.report().held == Self.everything)
        state.redirectClients(given: inputs)
        let notice = ServerFrame.disconnect("moved", url: "ws://other/\(partition)", afterMilliseconds: 7)
        #expect(
            drain() == [
                .record(.clientMoved), .changePresence(.moved(Self.user)), .send(notice, n: 1, first), .close(first, .moved),
                .changePresence(.disconnected(Self.user, Self.session)),
            ])
        #expect(state.report().held == Self.everything)
        state.applyClose(of: first, given: inputs)
        #expect(drain() == [.reportRelease])
        #expect(state.report().held == rest)
    }

    @Test("a revoked session is not greeted")
    mutating func revoked() {
        inputs.revoked = [Self.session]
        let notice = ServerFrame.disconnect("revoked", afterMilliseconds: 0)
        #expect(connect(first) == [.send(notice, n: 1, first), .close(first, .revoked)])
        #expect(state.sessions.isEmpty)
    }

    @Test("during an outage deliveries are dropped, and one gap follows it")
    mutating func outage() {
        _ = connect(first)
        state.loseFeed(given: inputs)
        #expect(drain() == [.acceptHandshakes(false)])
        #expect(deliver(1).isEmpty)
        state.restoreFeed(given: inputs)
        #expect(
            drain() == [
                .acceptHandshakes(true), .record(.deliveryGap(sessions: 1)), .send(ServerFrame.gap, n: 1, first),
            ])
        state.tick(given: inputs)
        #expect(drain().isEmpty)
        #expect(deliver(2) == [send(2, n: 2, first)])
    }

    @Test("sends to one chat are performed one after the other; an ack answers each")
    mutating func sends() {
        _ = connect(first)
        func frame(_ ref: Int64) -> SendFrame {
            SendFrame(
                ref: .number(ref), chatID: Self.chat, clientMessageID: ClientMessageID(rawValue: "\(ref)"), text: "x",
                replyTo: nil)
        }
        for ref in [1, 2] as [Int64] { state.receive(.send(frame(ref)), from: first, given: inputs) }
        let entries = [1, 2].map { SendQueue.Entry(send: frame($0), deadline: inputs.sendDeadline) }
        guard let id = state.session(of: first) else { return #expect(Bool(false)) }
        #expect(drain() == [.perform(.send(entries[0], Self.user), id)])
        let error = ServiceError(.denied, "no")
        let next = state.finish(entries[0].send, on: id, with: .failure(error), given: inputs)
        #expect(next == entries[1])
        #expect(drain() == [.send(ServerFrame.error(.number(1), code: "denied", "no"), n: 1, first)])
        let last = state.finish(entries[1].send, on: id, with: .failure(error), given: inputs)
        #expect(last == nil)
    }
}
