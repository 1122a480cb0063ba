import BusTesting
import Contracts
import Edge
import Logging
import NIOCore
import NIOPosix
import Reactor
import ServiceKit
import Synchronization
import TestSupport

@testable import Messaging

/// The gateway with real sockets on a loopback port. The test answers its calls, and there are no heartbeats.
struct TestGateway: Sendable {
    static let partitionCount = 4
    static let everything = PartitionSet(0..<partitionCount)
    private static let io = IOThread(name: "gateway tests")

    let bus: StubBus
    let actor: Gateway
    let revocations: Revocations
    /// The deliveries that the gateway published.
    let delivered: ValueRecorder<Delivery>
    let port: Int

    var connections: Int { get async { await actor.report().connections } }
    /// Sessions, with or without a socket.
    var lines: Int { get async { await actor.lines } }
    var isOpen: Bool { actor.isOpen.load(ordering: .relaxed) }

    /// - Parameters:
    ///   - owns: whether it serves all partitions from the start.
    ///   - now: the time by which revocations grow stale and acknowledgements age.
    static func with<Result>(
        limits: GatewayLimits = GatewayLimits(), framesPerSecond: @escaping @Sendable () -> Double = { 100 },
        handshakeTimeout: TimeAmount = .seconds(10), owns: Bool = true,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        isolation: isolated (any Actor)? = #isolation, _ body: (TestGateway) async throws -> Result
    ) async throws -> Result {
        let (bus, revocations, delivered, listening) = (
            StubBus(), Revocations(now: now), ValueRecorder<Delivery>(), OneShotSignal<Int>()
        )
        revocations.caughtUp(losses: 0)
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let logger = Logger(label: "gateway") { _ in SwiftLogNoOpLogHandler() }
        let actor = Gateway(
            bus: bus, deliver: { delivered.add($0) }, revocations: revocations, partitionCount: partitionCount, limits: limits,
            loops: Array(loops.makeIterator()), incarnation: "tests", url: { "ws://elsewhere/\($0)" }, now: now, on: io,
            logger: logger)
        let authenticator = HandshakeAuthenticator(verifier: NamedTokens()) {
            actor.isOpen.load(ordering: .relaxed) ? nil : .unavailable("This instance does not accept connections at the moment.")
        }
        let server = SocketServer(
            channel: SocketChannel(authenticator: authenticator, handshakeTimeout: handshakeTimeout), events: actor,
            framesPerSecond: framesPerSecond, loops: loops,
            host: "127.0.0.1", port: 0, heartbeatSeconds: 300, drain: { await actor.close() }, logger: logger,
            onListening: { listening.send($0) })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            defer { group.cancelAll() }
            let gateway = TestGateway(
                bus: bus, actor: actor, revocations: revocations, delivered: delivered, port: await listening.value)
            await gateway.assign(owns ? everything : PartitionSet(), epoch: 1)
            await actor.start()
            await actor.restoreFeed()
            return try await body(gateway)
        }
    }

    /// Applies an assignment, by default with a lease of ten minutes.
    func assign(_ serve: PartitionSet, bind: PartitionSet = everything, epoch: Int64, lease: Duration = .seconds(600)) async {
        let answer = Heartbeat.Response(
            epoch: epoch, leaseMilliseconds: Int64(lease / .milliseconds(1)), bind: bind, serve: serve)
        await actor.apply(answer, sentAt: .now)
    }

    static func partition(of user: Int64) -> Int { Partitioning.partition(of: UserID(rawValue: user), count: partitionCount) }

    // MARK: Clients

    /// Returns a client that was greeted. The session has the user's number by default.
    func client(_ user: Int64, session: Int64? = nil, receiveBuffer: Int? = nil) async throws -> RawClient {
        let client = try await arrival(user, session: session, receiveBuffer: receiveBuffer)
        let hello = try await client.nextText()
        guard hello.type == "hello" else { throw NotYet(description: "\(hello) instead of hello") }
        return client
    }

    /// Returns a client that passed the handshake.
    ///
    /// - Parameter early: comes with the request.
    func arrival(_ user: Int64, session: Int64? = nil, resume: String? = nil, receiveBuffer: Int? = nil, early: [UInt8] = [])
        async throws -> RawClient
    {
        let client = try await RawClient.connect(to: port, receiveBuffer: receiveBuffer)
        let path = "/rt/x" + (resume.map { "?resume=\($0)" } ?? "")
        let answer = try await client.requestUpgrade(path, ["Authorization: Bearer \(user).\(session ?? user)"], early: early)
        guard answer.hasPrefix("HTTP/1.1 101 ") else { throw NotYet(description: answer) }
        return client
    }

    // MARK: Deliveries

    /// Delivers messages of one chat to these users.
    func show(_ seqs: [Int64], to users: [Int64], from sender: Int64 = 999, key: String? = nil, padding: Int = 0) async {
        await actor.deliver(Self.delivery(seqs, to: users, from: sender, key: key, padding: padding))
    }

    /// The same in several deliveries, without a timer firing between them.
    func show(inOneTurn deliveries: [[Int64]], to users: [Int64]) async {
        await actor.deliver(deliveries.map { Self.delivery($0, to: users) })
    }

    private static func delivery(
        _ seqs: [Int64], to users: [Int64], from sender: Int64 = 999, key: String? = nil, padding: Int = 0
    ) -> Delivery {
        let items = seqs.map { seq in
            let text = String(repeating: "x", count: padding)
            return Delivery.Item(
                recipients: users.map(UserID.init(rawValue:)),
                frame: #"{"type":"message","chatId":"7","seq":\#(seq),"rev":\#(seq),"message":{"text":"\#(text)"}}"#,
                message: Delivery.Place(
                    chatID: ChatID(rawValue: 7), seq: seq, senderID: UserID(rawValue: sender),
                    clientMessageID: ClientMessageID(rawValue: key ?? "key \(seq)"), sentAt: .now))
        }
        return Delivery(items: items)
    }

    /// Bytes that wait in the sockets of a user.
    func outstanding(of user: Int64) async -> Int { await actor.outstanding(of: UserID(rawValue: user)) }
}

extension Gateway {
    fileprivate func deliver(_ deliveries: [Delivery]) { for delivery in deliveries { deliver(delivery) } }

    fileprivate var lines: Int { state.sessions.count }

    fileprivate func outstanding(of user: UserID) -> Int {
        state.sessions.ids(of: user).compactMap { state.sessions[connection: $0]?.socket }
            .reduce(0) { $0 + (sockets[$1]?.outstanding.load(ordering: .relaxed) ?? 0) }
    }

    var outboundLimit: Int { state.outboundLimit }
    var waiting: [GatewayState.PendingConnection] { state.pending }
    var parked: [ClientSession.ID] { state.parked.map(\.id) }
    /// Sessions of clients that frames were skipped for.
    var gapped: [ClientSession.ID] { state.sessions.ids.filter { state.sessions[connection: $0]?.hasSkippedFrames == true } }
}

/// Accepts `<user>.<session>` as a token.
private struct NamedTokens: TokenVerifying {
    func verify(_ authorization: String?) async throws -> Caller {
        let parts = (authorization ?? "").dropFirst("Bearer ".count).split(separator: ".").compactMap { Int64($0) }
        guard parts.count == 2 else { throw TokenError.rejected("The access token has expired. Refresh the session.") }
        return Caller(userID: UserID(rawValue: parts[0]), sessionID: SessionID(rawValue: parts[1]), roles: [])
    }
}
