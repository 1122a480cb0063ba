import Hummingbird
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Synchronization

/// A bare Hummingbird server: the baseline of the HTTP API.
enum HelloServer {
    private struct Greeting: ResponseEncodable {
        let message: String
        let number: Int
    }

    static func serve(_ port: Int) async throws {
        let router = Router()
        router.get("/") { _, _ in Greeting(message: "Hello", number: 1) }
        try await Application(router: router, configuration: .init(address: .hostname("127.0.0.1", port: port))).runService()
    }
}

/// A bare WebSocket server on NIO: the baseline of live connections.
///
/// Uses NIO's own upgrade and one handler. It relays each text to all other connections with the same path.
enum RelayServer {
    /// The default of `messaging`.
    private static let loops = 2

    static func serve(_ port: Int) async throws {
        let rooms = RelayRooms()
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(RelayHandler(rooms.room(head.uri)))
                }
            })
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup(numberOfThreads: loops))
            .serverChannelOption(.backlog, value: 4_096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.pipeline.configureHTTPServerPipeline(
                    withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
            }
            .bind(host: "127.0.0.1", port: port).get()
        try await listener.closeFuture.get()
    }
}

private final class RelayHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame

    private let room: RelayRoom

    init(_ room: RelayRoom) { self.room = room }

    func handlerAdded(context: ChannelHandlerContext) { room.add(context.channel) }

    func channelInactive(context: ChannelHandlerContext) { room.remove(context.channel) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text: room.send(WebSocketFrame(fin: true, opcode: .text, data: frame.unmaskedData), from: context.channel)
        case .connectionClose: context.close(promise: nil)
        default: break
        }
    }
}

private final class RelayRooms: Sendable {
    private let rooms = Mutex<[String: RelayRoom]>([:])

    func room(_ name: String) -> RelayRoom {
        rooms.withLock { rooms in
            let room = rooms[name] ?? RelayRoom()
            rooms[name] = room
            return room
        }
    }
}

/// The connections with the same path, grouped by event loop so that each text is passed to each loop once.
private final class RelayRoom: Sendable {
    private typealias Part = (loop: any EventLoop, channels: [any Channel])

    private let parts = Mutex<[Part]>([])

    func add(_ channel: any Channel) {
        parts.withLock { parts in
            if let index = parts.firstIndex(where: { $0.loop === channel.eventLoop }) {
                parts[index].channels.append(channel)
            } else {
                parts.append((channel.eventLoop, [channel]))
            }
        }
    }

    func remove(_ channel: any Channel) {
        parts.withLock { parts in
            for index in parts.indices { parts[index].channels.removeAll { $0 === channel } }
        }
    }

    func send(_ frame: WebSocketFrame, from sender: any Channel) {
        for (loop, channels) in parts.withLock({ $0 }) {
            if loop.inEventLoop {
                for channel in channels where channel !== sender { channel.writeAndFlush(frame, promise: nil) }
            } else if !channels.isEmpty {
                loop.execute { for channel in channels { channel.writeAndFlush(frame, promise: nil) } }
            }
        }
    }
}
