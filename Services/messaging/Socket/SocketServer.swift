import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The public port of live connections.
struct SocketServer: Service {
    /// How long the server waits for its clients to disconnect at shutdown, after ``drain``.
    private static let disconnectTimeout = TimeAmount.milliseconds(500)
    /// Accepting shares an event loop with connections: with few per turn, new clients wait behind those
    /// being served.
    private static let acceptsPerTurn: UInt = 256

    let channel: SocketChannel
    let events: any SocketEventReceiver
    /// Returns the limit on a client's average rate; called for every frame.
    let framesPerSecond: @Sendable () -> Double
    let loops: MultiThreadedEventLoopGroup
    let host: String
    let port: Int
    let heartbeatSeconds: Int
    /// Called at shutdown, before the port closes: closes the sockets of all clients.
    let drain: @Sendable () async -> Void
    let logger: Logger
    /// Called with the port, which the system chooses if ``port`` is 0.
    var onListening: @Sendable (Int) -> Void = { _ in }

    func run() async throws {
        let sockets = try await startHeartbeats()
        let listener = try await bootstrap(sockets).bind(host: host, port: port).get()
        let boundPort = listener.localAddress?.port ?? port
        logger.info("live connections accepted", metadata: ["port": "\(boundPort)"])
        onListening(boundPort)
        try? await gracefulShutdown()
        await drain()
        try? await listener.close()
        await waitForDisconnects(of: sockets)
        try? await loops.shutdownGracefully()
    }

    private func waitForDisconnects(of sockets: [NIOLoopBound<LoopSockets>]) async {
        let drained = sockets.map { own in
            own.eventLoop.flatSubmit { own.value.drain(within: Self.disconnectTimeout) }
        }
        for future in drained { try? await future.get() }
    }

    private func bootstrap(_ sockets: [NIOLoopBound<LoopSockets>]) -> ServerBootstrap {
        let channel = channel
        return ServerBootstrap(group: loops)
            .serverChannelOption(.backlog, value: 4_096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: Self.acceptsPerTurn)
            .childChannelOption(.maxMessagesPerRead, value: 2)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4_096))
            .childChannelInitializer { child in
                let own = sockets.first { $0.eventLoop === child.eventLoop }
                guard let own else { return child.close() }
                return channel.setUp(child, own)
            }
    }

    /// Returns the sockets of each event loop, whose heartbeats run from now on.
    private func startHeartbeats() async throws -> [NIOLoopBound<LoopSockets>] {
        var all: [NIOLoopBound<LoopSockets>] = []
        for (number, loop) in loops.makeIterator().enumerated() {
            let sockets = try await loop.submit {
                let own = LoopSockets(
                    number: number, heartbeat: heartbeatSeconds, framesPerSecond: framesPerSecond, events: events, on: loop)
                let sockets = NIOLoopBound(own, eventLoop: loop)
                loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in sockets.value.tick() }
                return sockets
            }.get()
            all.append(sockets)
        }
        return all
    }
}
