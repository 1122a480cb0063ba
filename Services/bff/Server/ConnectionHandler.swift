import DequeModule
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// The end of a connection's pipeline: hands whole requests to the task that serves it and writes the answers, one at a time.
///
/// It reads a little ahead of what is answered, and no further, so that a client that sends faster meets its own socket's bounds. Everything that a
/// client may take time for is bounded by ``ConnectionTimes``; what is no HTTP, or too large, is answered here, and the connection closed.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let requests: AsyncStream<IncomingRequest>.Continuation
    private var assembly = RequestAssembly()
    private var times = ConnectionTimes(now: .now())
    private var timer: Scheduled<Void>?
    private var context: ChannelHandlerContext?
    /// What was read together with the request in hand: requests that the client did not wait to send.
    private var early: Deque<HTTPServerRequestPart> = []
    /// So much is kept of it until reading pauses; each part is one read's at most.
    private static let readsAhead = 16
    private var isReadingPaused = false
    private var isWorking = false
    /// The answer that goes out next is the last.
    private var isLast = false
    private var isHead = false
    /// The last answer is written; only the client's own end is waited for.
    private var isClosing = false

    init(_ requests: AsyncStream<IncomingRequest>.Continuation) { self.requests = requests }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin() }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isClosing { return }
        let part = unwrapInboundIn(data)
        if isWorking { early.append(part) } else { take(part) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if assembly.isUnderWay, !isWorking, times.phase != .body { enter(.body) }
    }

    /// The channel asks itself for more after each read.
    func read(context: ChannelHandlerContext) {
        if isWorking, early.count >= Self.readsAhead { isReadingPaused = true } else { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, times.phase == .writing, !isClosing { enter(.idle) }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
        if isClosing { return }
        if isWorking { isLast = true } else { refuse(error == .headerOverflow ? .headersTooLarge : .badRequest) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed: isClosing ? context.close(promise: nil) : closeAfterAnswer()
        case is ChannelShouldQuiesceEvent: assembly.isUnderWay ? (isLast = true) : closeAfterAnswer()
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: Requests

    private func begin() { enter(.idle) }

    private func take(_ part: HTTPServerRequestPart) {
        switch assembly.take(part) {
        case .more: break
        case .invite: context?.writeAndFlush(wrapOutboundOut(.head(.init(version: .http1_1, status: .continue))), promise: nil)
        case .tooLarge: refuse(.tooLarge)
        case .whole(let head, let body): handOver(head, body)
        }
    }

    private func handOver(_ head: HTTPRequestHead, _ body: ByteBuffer) {
        guard head.namesOneHost, let request = try? HTTPRequest(head, secure: false, splitCookie: false) else {
            return refuse(.badRequest)
        }
        // After an upgrade that is not taken up, or CONNECT, the parser reads no further requests.
        let leavesHTTP = head.method == .CONNECT || head.headers.contains(name: "upgrade")
        if !head.isKeepAlive || leavesHTTP { isLast = true }
        (isWorking, isHead) = (true, head.method == .HEAD)
        enter(.working)
        requests.yield(IncomingRequest(head: request, body: body))
    }

    // MARK: Answers

    /// Writes the answer to the request in hand.
    func answer(_ head: HTTPResponse, _ body: ByteBuffer) {
        guard isWorking, let context else { return }
        isWorking = false
        write(HTTPResponseHead(head), isHead ? ByteBuffer() : body)
        if isLast { return }
        enter(context.channel.isWritable ? .idle : .writing)
        while !isWorking, !isLast, let part = early.popFirst() { take(part) }
        if isReadingPaused, early.count < Self.readsAhead {
            isReadingPaused = false
            context.read()
        }
    }

    /// Answers what never became a request. Whatever follows on the connection cannot be understood any more.
    private func refuse(_ refusal: Refusal) {
        isLast = true
        early.removeAll()
        write(refusal.head, refusal.body)
    }

    private func write(_ head: HTTPResponseHead, _ body: ByteBuffer) {
        guard let context else { return }
        var head = head
        if isLast { head.headers.replaceOrAdd(name: "connection", value: "close") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if body.readableBytes > 0 { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        if isLast { finish(context) } else { context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil) }
    }

    /// Ends our side when all of the answer is out, and waits for the client to end its own: closing at once could take the answer from it.
    private func finish(_ context: ChannelHandlerContext) {
        isClosing = true
        enter(.writing)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolatedUnsafeUnchecked().whenComplete { _ in
            self.context?.close(mode: .output, promise: nil)
            if self.isReadingPaused { self.context?.read() }
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }

    private func closeAfterAnswer() {
        isLast = true
        if !isWorking { context?.close(promise: nil) }
    }

    private func end() {
        requests.finish()
        timer?.cancel()
        (timer, context) = (nil, nil)
    }

    // MARK: Time

    private func enter(_ phase: ConnectionTimes.Phase) {
        times.enter(phase, at: .now())
        // A timer that fires too early looks again; only a body's bound comes before the one that is set.
        if timer == nil || phase == .body { look() }
    }

    private func look() {
        timer?.cancel()
        timer = nil
        switch times.verdict(at: .now()) {
        case .never: break
        case .expired(.body): refuse(.timeout)
        case .expired: context?.close(promise: nil)
        case .wait(let deadline):
            timer = context?.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(deadline: deadline) { [weak self] in
                self?.timer = nil
                self?.look()
            }
        }
    }
}

extension HTTPRequestHead {
    /// RFC 9112, 3.2: whoever sends none, or more than one, is told 400.
    fileprivate var namesOneHost: Bool {
        let count = headers["host"].count
        return count == 1 || count == 0 && version != .http1_1
    }
}
