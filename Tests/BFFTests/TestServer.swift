import Logging
import NIOCore
import NIOPosix
import ServiceKit
import ServiceLifecycle

@testable import BFF

/// The API on a real socket, over a stubbed bus.
struct TestServer {
    let api: TestAPI
    let port: Int

    /// Runs `body` while the server serves.
    static func with<Result: Sendable>(connections: Int = 100, _ body: (TestServer) async throws -> Result) async throws -> Result
    {
        let api = TestAPI()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        let server = HTTPServer(
            channel: APIChannel(responder: api.responder, logger: logger),
            settings: HTTPSettings(
                host: "127.0.0.1", port: 0, connections: connections, requests: 100, patience: .seconds(1)),
            logger: logger, onListening: { listening.yield($0) })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            var port = 0
            for await bound in ports {
                port = bound
                break
            }
            let result = try await body(TestServer(api: api, port: port))
            group.cancelAll()
            return result
        }
    }

    /// Sends `texts` and returns everything that the server sends until it closes the connection.
    func exchange(_ texts: String...) async throws -> String {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            for text in texts { try await outbound.write(ByteBuffer(string: text)) }
            var answer = ByteBuffer()
            for try await part in inbound { answer.writeImmutableBuffer(part) }
            return String(buffer: answer)
        }
    }
}
