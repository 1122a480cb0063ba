import BusTesting
import Contracts
import Edge
import Logging
import NIOCore
import NIOPosix
import Reactor
import Synchronization
import TestSupport

@testable import Messaging

/// The gateway with real sockets, on a loopback port; the bus behind it answers as a test says, and nobody's heart beats.
struct Gateway: Sendable {
    static let partitionCount = 4
    static let everything = PartitionSet(0..<partitionCount)
    private static let io = IOThread(name: "gateway tests")

    let bus: StubBus
    let hub: Hub
    let revocations: Revocations
    /// What was told to other instances.
    let told: ValueRecorder<Delivery>
    let port: Int

    var connections: Int { get async { await hub.figures.connections.load(ordering: .relaxed) } }
    /// Those of clients that may come back too.
    var lines: Int { get async { await hub.lines } }
    var isOpen: Bool { hub.isOpen.load(ordering: .relaxed) }

    /// - Parameters:
    ///   - owns: whether it serves all users from the start.
    ///   - now: by which the news of revocations are old.
    static func with<Result>(
        limits: HubLimits = HubLimits(), framesPerSecond: @escaping @Sendable () -> Double = { 100 },
        handshakeTimeout: TimeAmount = .seconds(10), owns: Bool = true,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        isolation: isolated (any Actor)? = #isolation, _ body: (Gateway) async throws -> Result
    ) async throws -> Result {
        let (bus, revocations, told, listening) = (
            StubBus(), Revocations(now: now), ValueRecorder<Delivery>(), OneShotSignal<Int>()
        )
        revocations.caughtUp(losses: 0)
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let logger = Logger(label: "gateway") { _ in SwiftLogNoOpLogHandler() }
        let hub = Hub(
            bus: bus, deliver: { told.add($0) }, revocations: revocations, partitionCount: partitionCount, limits: limits,
            loops: Array(loops.makeIterator()), incarnation: "tests", address: { "ws://elsewhere/\($0)" }, on: io, logger: logger)
        let authenticator = HandshakeAuthenticator(verifier: NamedTokens()) {
            hub.isOpen.load(ordering: .relaxed) ? nil : .unavailable("This instance does not accept connections at the moment.")
        }
        let server = SocketServer(
            channel: SocketChannel(authenticator: authenticator, handshakeTimeout: handshakeTimeout), events: hub,
            framesPerSecond: framesPerSecond, loops: loops,
            host: "127.0.0.1", port: 0, heartbeatSeconds: 300, drain: { await hub.close() }, logger: logger,
            onListening: { listening.send($0) })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            defer { group.cancelAll() }
            let gateway = Gateway(bus: bus, hub: hub, revocations: revocations, told: told, port: await listening.value)
            await gateway.assign(owns ? everything : PartitionSet(), epoch: 1)
            await hub.begin()
            await hub.feedIsBack()
            return try await body(gateway)
        }
    }

    /// What `config` assigns, with a lease of ten minutes unless said otherwise.
    func assign(_ serve: PartitionSet, bind: PartitionSet = everything, epoch: Int64, lease: Duration = .seconds(600)) async {
        let answer = Heartbeat.Response(
            epoch: epoch, leaseMilliseconds: Int64(lease / .milliseconds(1)), bind: bind, serve: serve)
        await hub.take(answer, asked: .now)
    }

    static func partition(of user: Int64) -> Int { Partitioning.partition(of: UserID(rawValue: user), count: partitionCount) }

    // MARK: Clients

    /// Somebody who was let in and greeted; the session has the user's number unless said otherwise.
    func client(_ user: Int64, session: Int64? = nil, receiveBuffer: Int? = nil) async throws -> RawClient {
        let client = try await arrival(user, session: session, receiveBuffer: receiveBuffer)
        let hello = try await client.said()
        guard hello.type == "hello" else { throw NotYet(description: "\(hello) instead of hello") }
        return client
    }

    /// Somebody who was let in.
    ///
    /// - Parameter early: comes with the request.
    func arrival(_ user: Int64, session: Int64? = nil, resume: String? = nil, receiveBuffer: Int? = nil, early: [UInt8] = [])
        async throws -> RawClient
    {
        let client = try await RawClient.connect(to: port, receiveBuffer: receiveBuffer)
        let path = "/rt/x" + (resume.map { "?resume=\($0)" } ?? "")
        let answer = try await client.ask(path, ["Authorization: Bearer \(user).\(session ?? user)"], early: early)
        guard answer.hasPrefix("HTTP/1.1 101 ") else { throw NotYet(description: answer) }
        return client
    }

    // MARK: Deliveries

    /// Messages of one chat, shown to these users.
    func show(_ seqs: [Int64], to users: [Int64], from sender: Int64 = 999, key: String? = nil, padding: Int = 0) async {
        await hub.deliver(Self.delivery(seqs, to: users, from: sender, key: key, padding: padding))
    }

    /// The same in several deliveries that no timer comes between.
    func show(inOneTurn deliveries: [[Int64]], to users: [Int64]) async {
        await hub.deliver(deliveries.map { Self.delivery($0, to: users) })
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

    /// Bytes that wait to leave for a user's devices.
    func outstanding(of user: Int64) async -> Int { await hub.outstanding(of: UserID(rawValue: user)) }
}

extension Hub {
    fileprivate func deliver(_ deliveries: [Delivery]) { for delivery in deliveries { deliver(delivery) } }

    fileprivate var lines: Int { entries.count }

    fileprivate func outstanding(of user: UserID) -> Int {
        (users[user] ?? []).reduce(0) { $0 + (entries[$1]?.port?.outstanding.load(ordering: .relaxed) ?? 0) }
    }
}

/// Takes `<user>.<session>` for a token.
private struct NamedTokens: TokenVerifying {
    func verify(_ authorization: String?) async throws -> Caller {
        let parts = (authorization ?? "").dropFirst("Bearer ".count).split(separator: ".").compactMap { Int64($0) }
        guard parts.count == 2 else { throw TokenError.rejected("The access token has expired. Refresh the session.") }
        return Caller(userID: UserID(rawValue: parts[0]), sessionID: SessionID(rawValue: parts[1]), roles: [])
    }
}
