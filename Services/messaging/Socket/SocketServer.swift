import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The public port of live connections.
struct SocketServer: Service {
    let channel: SocketChannel
    let events: any SocketEventReceiver
    /// From one connection, on average; asked for every frame.
    let framesPerSecond: @Sendable () -> Double
    let loops: MultiThreadedEventLoopGroup
    let host: String
    let port: Int
    let heartbeatSeconds: Int
    /// Lets clients go, before the port closes.
    let farewell: @Sendable () async -> Void
    let logger: Logger
    /// Told the port, which is another than the one asked for when that is 0.
    var onListening: @Sendable (Int) -> Void = { _ in }

    func run() async throws {
        let sockets = try await beating()
        let listener = try await bootstrap(sockets).bind(host: host, port: port).get()
        logger.info("live connections are accepted", metadata: ["port": "\(listener.localAddress?.port ?? port)"])
        onListening(listener.localAddress?.port ?? port)
        try? await gracefulShutdown()
        await farewell()
        try? await listener.close()
        await lastWords(to: sockets)
        try? await loops.shutdownGracefully()
    }

    /// Returns when everybody has gone, who were all told to; or after half a second.
    private func lastWords(to sockets: [NIOLoopBound<LoopSockets>]) async {
        for own in sockets {
            for _ in 0..<50 {
                guard let count = try? await own.eventLoop.submit({ own.value.count }).get(), count > 0 else { break }
                try? await own.eventLoop.scheduleTask(in: .milliseconds(10)) {}.futureResult.get()
            }
        }
    }

    private func bootstrap(_ sockets: [NIOLoopBound<LoopSockets>]) -> ServerBootstrap {
        let channel = channel
        return ServerBootstrap(group: loops)
            .serverChannelOption(.backlog, value: 4_096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Accepting shares a loop: few at a time would let newcomers starve behind those who are being served.
            .serverChannelOption(.maxMessagesPerRead, value: 256)
            .childChannelOption(.maxMessagesPerRead, value: 2)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4_096))
            .childChannelInitializer { child in
                let own = sockets.first { $0.eventLoop === child.eventLoop }
                guard let own else { return child.close() }
                return channel.setUp(child, own)
            }
    }

    /// The sockets of each loop, with a heart that beats every second.
    private func beating() async throws -> [NIOLoopBound<LoopSockets>] {
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
