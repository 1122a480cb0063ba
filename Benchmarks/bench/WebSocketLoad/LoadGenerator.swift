import Foundation
import NIOCore
import NIOPosix

/// Opens the connections of a plan and runs loads on them. Confined to its event loop.
final class LoadGenerator {
    /// The number of connections that are opened at a time.
    private static let concurrentConnects = 64
    /// The limit on retries of all connections together.
    /// Retries are normal: an instance refuses users whose partition it does not own yet.
    private static let maximumRetries = 200
    let plan: ConnectionPlan
    let loop: any EventLoop
    /// A prefix that makes the message keys of this process unique.
    let name = String(UInt64.random(in: .min ... .max), radix: 36)
    private(set) var clients: [WebSocketClient] = []
    /// Local addresses: one address has only about 28,000 ephemeral ports.
    private let addresses: [SocketAddress]
    private let allConnected: EventLoopPromise<Void>
    private var isComplete = false
    /// The numbers of the connected clients.
    private var connected = Set<Int>()
    private var next = 0
    private var retries = 0
    private var load: MessageLoad?
    private var lastNumber = 0

    init(_ plan: ConnectionPlan, on loop: any EventLoop) throws {
        self.plan = plan
        self.loop = loop
        addresses = try (2...9).map { try SocketAddress(ipAddress: "127.0.0.\($0)", port: 0) }
        allConnected = loop.makePromise()
    }

    // MARK: Connecting

    /// Opens all connections. The future succeeds once all are open.
    func connect() -> EventLoopFuture<Void> {
        clients = plan.users.enumerated().map { WebSocketClient($0.offset, $0.element, of: self) }
        for _ in 0..<min(Self.concurrentConnects, clients.count) { connectNext() }
        return allConnected.futureResult
    }

    private func connectNext() {
        guard next < clients.count else { return }
        next += 1
        connect(next - 1)
    }

    private func connect(_ number: Int) {
        let client = WebSocketClient(number, plan.users[number], of: self)
        clients[number] = client
        let boundClient = NIOLoopBound(client, eventLoop: loop)
        let boundSelf = NIOLoopBound(self, eventLoop: loop)
        ClientBootstrap(group: loop).bind(to: addresses[number % addresses.count])
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4_096))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(boundClient.value) }
            }
            .connect(host: "127.0.0.1", port: plan.port)
            .whenFailure { boundSelf.value.disconnected(boundClient.value, reason: "\($0)") }
    }

    func upgraded(_ client: WebSocketClient) { if !plan.sendsHello { didConnect(client) } }

    private func didConnect(_ client: WebSocketClient) {
        connected.insert(client.number)
        if connected.count == clients.count, !isComplete {
            isComplete = true
            allConnected.succeed()
        }
        connectNext()
    }

    /// Retries a connection that could not be opened. A loss of an open connection is an error.
    func disconnected(_ client: WebSocketClient, reason: String) {
        retries += 1
        let wasConnected = connected.remove(client.number) != nil
        guard !wasConnected, retries <= Self.maximumRetries else {
            let firstLine = reason.split(separator: "\r\n").first.map(String.init) ?? "no response"
            allConnected.fail(PlanError(description: "client \(client.number) of \(clients.count) disconnected: \(firstLine)"))
            if wasConnected, isComplete { load?.recordLostConnection() }
            return
        }
        let boundSelf = NIOLoopBound(self, eventLoop: loop)
        let number = client.number
        loop.scheduleTask(in: .milliseconds(250)) { boundSelf.value.connect(number) }
    }

    // MARK: Loads

    /// Runs a load. The future has the result as JSON.
    func run(_ parameters: MessageLoad.Parameters) -> EventLoopFuture<String> {
        let load = MessageLoad(
            parameters, senders: clients.filter { plan.users[$0.number].chat != nil }, numberedFrom: lastNumber + 1,
            hasAcknowledgements: plan.sendsHello, on: loop)
        self.load = load
        let bound = NIOLoopBound((generator: self, load: load), eventLoop: loop)
        return load.run().map { result in
            bound.value.generator.lastNumber = bound.value.load.lastNumber
            return result.json
        }
    }

    func received(_ frame: ReceivedFrame, by client: WebSocketClient) {
        switch frame {
        case .hello: if plan.sendsHello { didConnect(client) }
        case .message(let number): load?.recordDelivery(number)
        case .acknowledged(let number): load?.recordAcknowledgement(number)
        case .refused(let number): load?.recordRefusal(number)
        case .gap: load?.recordGap()
        case .other: break
        }
    }
}
