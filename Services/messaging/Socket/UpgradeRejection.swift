import Edge
import HTTPTypes
import NIOCore
import NIOHTTP1
import ServiceKit

extension Problem {
    static let upgradeRequired = Problem(
        .upgradeRequired, code: "upgradeRequired",
        detail: "Send a WebSocket upgrade as a GET: version 13, RFC 6455.",
        headers: [.upgrade: "websocket", .secWebSocketVersion: "13"])
}

/// The response to a request that does not become a live connection.
struct UpgradeRejection {
    let problem: Problem
    let requestID: String

    /// - Parameter request: its request id names the response; `nil` if its head is not known.
    init(_ problem: Problem, of request: HTTPRequestHead?) {
        self.problem = problem
        requestID = RequestID().orGiven(request?.headers.first(name: HTTPField.Name.requestID.rawName))
    }

    /// Returns the head and the body of the response.
    func response() -> (head: HTTPResponseHead, body: ByteBuffer) {
        let body = problem.body(requestID: requestID)
        var fields: HTTPHeaders = [
            "Content-Type": Problem.contentType, "Content-Length": "\(body.count)", "Connection": "close",
            HTTPField.Name.requestID.rawName: requestID,
        ]
        for field in problem.headers { fields.replaceOrAdd(name: field.name.rawName, value: field.value) }
        let status = HTTPResponseStatus(statusCode: problem.status.code, reasonPhrase: problem.status.reasonPhrase)
        return (HTTPResponseHead(version: .http1_1, status: status, headers: fields), ByteBuffer(bytes: body))
    }
}

/// Sends a rejection and closes the connection.
///
/// The request reaches this handler only if it asked for no upgrade: the upgrade handler consumes the others.
final class RejectionHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// How long a client may take to close its half of the connection.
    private static let closeTimeout = TimeAmount.seconds(1)

    private let rejection: UpgradeRejection?
    private var context: ChannelHandlerContext?

    /// - Parameter rejection: `nil` for a request that ``HandshakeAuthenticator`` has not seen.
    init(_ rejection: UpgradeRejection?) { self.rejection = rejection }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if let rejection { return send(rejection) }
        // If the head of the request was read before, it arrives within this turn of the event loop.
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute { handler.value.send(UpgradeRejection(.upgradeRequired, of: nil)) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else { return }
        let problem = UpgradePath(head.uri) == nil ? Problem.notFound : .upgradeRequired
        send(UpgradeRejection(problem, of: head), isHead: head.method == .HEAD)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Sends only the first rejection.
    private func send(_ rejection: UpgradeRejection, isHead: Bool = false) {
        guard let context else { return }
        self.context = nil
        let (head, body) = rejection.response()
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let channel = context.channel
        context.writeAndCloseOutput(wrapOutboundOut(.end(nil))).whenComplete { _ in
            channel.eventLoop.scheduleTask(in: Self.closeTimeout) { channel.close(promise: nil) }
        }
    }
}
