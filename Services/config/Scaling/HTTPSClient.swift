import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Asks a server one thing over TLS, on a connection of its own: for questions that are asked a few times a minute.
struct HTTPSClient: Sendable {
    struct Answer: Sendable {
        let status: Int
        let body: [UInt8]
    }

    let host: String
    let port: Int
    /// File of the authorities that may have signed the server's certificate, PEM; read for each question, as it may be replaced.
    let authorities: String
    /// For all of it, from connecting to the last byte.
    var timeout = Duration.seconds(10)

    /// - Throws: ``ScalerError``, and whatever NIO and TLS throw; `CancellationError`.
    func ask(_ method: HTTPMethod, _ path: String, headers: [(String, String)], body: [UInt8] = []) async throws -> Answer {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .file(authorities)
        let context = try NIOSSLContext(configuration: tls)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: Answer.self)
        let limit = loop.scheduleTask(in: .nanoseconds(Int64(timeout.milliseconds) * 1_000_000)) {
            answer.fail(ScalerError("\(host):\(port) did not answer in time"))
        }
        defer { limit.cancel() }
        let connecting = ClientBootstrap(group: loop).connectTimeout(.seconds(5)).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: context, serverHostname: serverName))
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandler(AnswerCollector(answer))
            }
        }.connect(host: host, port: port)
        connecting.whenFailure { answer.fail($0) }
        connecting.whenSuccess { channel in
            // Whatever ends the question ends the connection.
            answer.futureResult.whenComplete { _ in channel.close(promise: nil) }
            send(method, path, headers, body, on: channel)
        }
        return try await withTaskCancellationHandler {
            try await answer.futureResult.get()
        } onCancel: {
            answer.fail(CancellationError())
        }
    }

    /// Names only: an address is verified as the peer's address.
    private var serverName: String? { (try? SocketAddress(ipAddress: host, port: port)) == nil ? host : nil }

    private func send(
        _ method: HTTPMethod, _ path: String, _ headers: [(String, String)], _ body: [UInt8], on channel: any Channel
    ) {
        let own = [("host", "\(host):\(port)"), ("content-length", "\(body.count)"), ("connection", "close")]
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: HTTPHeaders(own + headers))
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if !body.isEmpty {
            channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
        }
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }
}

/// Puts an answer together, of at most 1 MiB.
private final class AnswerCollector: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private static let limit = 1 << 20
    private let answer: EventLoopPromise<HTTPSClient.Answer>
    private var status = 0
    private var body: [UInt8] = []

    init(_ answer: EventLoopPromise<HTTPSClient.Answer>) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): status = Int(head.status.code)
        case .body(let bytes):
            body += bytes.readableBytesView
            if body.count > Self.limit { answer.fail(ScalerError("the answer is too large")) }
        case .end: answer.succeed(.init(status: status, body: body))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { answer.fail(ScalerError("the connection was closed")) }
}
