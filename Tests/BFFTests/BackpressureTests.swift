import BusTesting
import Contracts
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOPosix
import TestSupport
import Testing

@testable import BFF

@Suite("Clients that do not read their responses", .timeLimit(.minutes(2))) struct BackpressureTests {
    /// More than the kernel buffers for one connection, all responses together.
    private static let requests = 1_000
    private static let responseBytes = 60_000

    @Test("a client that pipelines requests and does not read is served a bounded number; when it reads, all come in order")
    func pipelinedAndUnread() async throws {
        try await TestServer.with { edge in
            edge.api.bus.answer(GetAccount.self) { _ in Self.account }
            let greedy = try await PausingClient.connect(to: edge.port)
            greedy.sendRequests(Self.requests)
            let served = try await settledCount(edge)
            #expect((1..<Self.requests / 2).contains(served))
            try await greedy.read()
            var names: [String] = []
            for await name in greedy.names {
                names.append(name)
                if names.count == Self.requests { break }
            }
            #expect(names == (0..<Self.requests).map { "r\($0)" })
            #expect(edge.api.bus.asked(GetAccount.self).count == Self.requests)
        }
    }

    /// The number of requests served once it stays the same during a hundred round trips of another client.
    private func settledCount(_ edge: TestServer) async throws -> Int {
        try await eventually("the first responses") { edge.api.bus.asked(GetAccount.self).isEmpty ? nil : () }
        var count = -1
        while count != edge.api.bus.asked(GetAccount.self).count {
            count = edge.api.bus.asked(GetAccount.self).count
            for _ in 0..<100 {
                _ = try await edge.exchange("GET /v2/nothing HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n")
            }
        }
        return count
    }

    private static let account = Account(
        user: User(
            id: UserID(rawValue: 1), username: "ada", displayName: String(repeating: "x", count: responseBytes),
            createdAt: Timestamp(millisecondsSinceEpoch: 0)), version: 1)

    @Test("while the channel is not writable, the handler starts no request and does not read")
    func unwritable() throws {
        let connection = try EmbeddedConnection()
        try connection.receive(3)
        connection.setWritable(false)
        #expect(try connection.answers())
        connection.channel.read()
        #expect(try !connection.answers())
        #expect(connection.reads.count == 0)
        connection.setWritable(true)
        #expect(connection.reads.count == 1)
        #expect(try connection.answers())
        #expect(try connection.answers())
        #expect(try !connection.answers())
    }

    @Test("the connection closes 30 s after it became unwritable, whatever arrives meanwhile")
    func writeTimeout() throws {
        let connection = try EmbeddedConnection()
        let loop = connection.channel.embeddedEventLoop
        try connection.receive(2)
        loop.advanceTime(by: .seconds(40))
        connection.setWritable(false)
        #expect(try connection.answers())
        loop.advanceTime(by: .seconds(20))
        try connection.receive(1)
        loop.advanceTime(by: .milliseconds(9_999))
        #expect(connection.channel.isActive)
        #expect(try !connection.answers())
        loop.advanceTime(by: .milliseconds(1))
        #expect(!connection.channel.isActive)
    }

    @Test("a client that closes its side with responses unsent receives them; then the connection ends")
    func halfClosed() async throws {
        try await TestServer.with { edge in
            edge.api.bus.answer(GetAccount.self) { _ in Self.account }
            let client = try await PausingClient.connect(to: edge.port)
            client.sendRequests(200)
            _ = try await settledCount(edge)
            try await client.closeOutput()
            try await client.read()
            var count = 0
            for await _ in client.names { count += 1 }
            #expect(count == 200)
        }
    }
}

/// A client that reads only after ``read()``, and yields the `X-Request-ID` of every complete response.
private struct PausingClient {
    let channel: any Channel
    let names: AsyncStream<String>

    static func connect(to port: Int) async throws -> PausingClient {
        let (names, continuation) = AsyncStream.makeStream(of: String.self)
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.socketOption(.so_rcvbuf), value: 4_096)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(NameCollector(continuation))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return PausingClient(channel: channel, names: names)
    }

    /// Pipelines requests with the ids r0, r1, … Does not wait, because the server may not read them all.
    func sendRequests(_ count: Int) {
        for number in 0..<count {
            let headers: HTTPHeaders = ["Host": "m", "Authorization": "Bearer ada", "X-Request-ID": "r\(number)"]
            let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/v1/me", headers: headers)
            channel.write(HTTPClientRequestPart.head(head), promise: nil)
            channel.write(HTTPClientRequestPart.end(nil), promise: nil)
        }
        channel.flush()
    }

    func read() async throws { try await channel.setOption(.autoRead, value: true).get() }

    /// After everything was sent.
    func closeOutput() async throws { try await channel.close(mode: .output).get() }
}

private final class NameCollector: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    private let names: AsyncStream<String>.Continuation
    private var name = ""

    init(_ names: AsyncStream<String>.Continuation) { self.names = names }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): name = head.headers.first(name: "x-request-id") ?? ""
        case .body: break
        case .end: names.yield(name)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { names.finish() }
    }

    func channelInactive(context: ChannelHandlerContext) { names.finish() }
}

/// A connection's handler on an event loop whose time the test advances.
private struct EmbeddedConnection {
    let channel = EmbeddedChannel()
    let reads = ReadCounter()
    private let handler: ConnectionHandler

    init() throws {
        handler = ConnectionHandler(AsyncStream.makeStream(of: IncomingRequest.self).continuation)
        try channel.pipeline.syncOperations.addHandlers([reads, handler])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    /// Whole requests, without a pause.
    func receive(_ count: Int) throws {
        for _ in 0..<count {
            let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: ["host": "m"])
            try channel.writeInbound(HTTPServerRequestPart.head(head))
            try channel.writeInbound(HTTPServerRequestPart.end(nil))
        }
    }

    func setWritable(_ isWritable: Bool) {
        channel.isWritable = isWritable
        channel.pipeline.fireChannelWritabilityChanged()
    }

    /// Answers the request in hand; false if there is none.
    func answers() throws -> Bool {
        handler.respond(HTTPResponse(status: .ok), body: ByteBuffer())
        var isAnswered = false
        while try channel.readOutbound(as: HTTPServerResponsePart.self) != nil { isAnswered = true }
        return isAnswered
    }
}

private final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = HTTPServerResponsePart
    private(set) var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}
