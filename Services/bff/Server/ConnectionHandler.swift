import DequeModule
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// The end of a connection's pipeline: hands whole requests to the task that serves it and writes the answers, one at a time.
///
/// Backpressure in both directions bounds the memory of a connection: the handler reads little ahead of the request in
/// hand, and while the client does not read its responses, the handler neither takes a request nor reads.
/// ``ConnectionTimeouts`` bounds every wait for the client. The handler itself answers what is not HTTP, or too large, and
/// closes the connection.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let requests: AsyncStream<IncomingRequest>.Continuation
    private var assembly = RequestAssembly()
    private var times = ConnectionTimeouts(now: .distantPast)
    private var timer: Scheduled<Void>?
    private var context: ChannelHandlerContext?
    /// Input that arrived before its turn: while a request is in hand, or while the client does not read.
    private var early: Deque<Input> = []
    /// Reading pauses when `early` has this many elements; the read under way may add those of one more buffer.
    private static let readsAhead = 16
    private var isReadingPaused = false
    private var isWorking = false
    /// The answer that goes out next is the last.
    private var isLast = false
    private var isHead = false
    /// The last answer is written; only the client's own end is waited for.
    private var isClosing = false

    private enum Input {
        case part(HTTPServerRequestPart)
        case unreadable(isHeadTooLarge: Bool)
        /// The client closed its side.
        case end
    }

    init(_ requests: AsyncStream<IncomingRequest>.Continuation) { self.requests = requests }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { receive(.part(unwrapInboundIn(data))) }

    func channelReadComplete(context: ChannelHandlerContext) {
        if assembly.isUnderWay, times.phase == .idle { enter(.body) }
    }

    /// The channel asks itself for more after each read.
    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { isReadingPaused = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if !isWorking, !isClosing { resume() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
        receive(.unreadable(isHeadTooLarge: error == .headerOverflow))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed: endInput(context)
        case is ChannelShouldQuiesceEvent: assembly.isUnderWay ? (isLast = true) : closeAfterAnswer()
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: Backpressure

    /// Whether the next input may be worked on: no request is in hand, and the client reads its responses.
    private var isReady: Bool { !isWorking && context?.channel.isWritable == true }

    /// A closing connection reads on, to see the client's end.
    private var mayRead: Bool {
        if isClosing { return true }
        return isWorking ? early.count < Self.readsAhead : context?.channel.isWritable == true
    }

    private func receive(_ input: Input) {
        if isClosing { return }
        if isReady, early.isEmpty { process(input) } else { early.append(input) }
    }

    /// Goes on with what has arrived, as far as the client reads its responses.
    private func resume() {
        enter(waitsFor)
        while isReady, let input = early.popFirst() { process(input) }
        if isReadingPaused, mayRead {
            isReadingPaused = false
            context?.read()
        }
    }

    /// What the connection waits for while no request is in hand.
    private var waitsFor: ConnectionTimeouts.Phase {
        if context?.channel.isWritable == false { return .writing }
        return assembly.isUnderWay ? .body : .idle
    }

    private func process(_ input: Input) {
        switch input {
        case .part(let part): take(part)
        case .unreadable(let isHeadTooLarge): refuse(isHeadTooLarge ? .headersTooLarge : .badRequest)
        case .end: closeAfterAnswer()
        }
    }

    private func endInput(_ context: ChannelHandlerContext) {
        if isClosing { return context.close(promise: nil) }
        if isWorking, early.isEmpty { isLast = true } else { receive(.end) }
    }

    // MARK: Requests

    private func begin(_ context: ChannelHandlerContext) {
        times = ConnectionTimeouts(now: context.eventLoop.now)
        look()
    }

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
        guard isWorking else { return }
        write(HTTPResponseHead(head), isHead ? ByteBuffer() : body)
        // Only now: while it is written, the channel may become unwritable and writable again.
        isWorking = false
        if !isClosing { resume() }
    }

    /// Answers what never became a request. Whatever follows on the connection cannot be understood any more.
    private func refuse(_ refusal: RequestRejection) {
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
        if isLast { finish(context, .end(nil)) } else { context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil) }
    }

    /// Writes `last`, closes our side once everything has left, and waits for the client to close its own: closing both
    /// at once could discard the response before the client has read it.
    private func finish(_ context: ChannelHandlerContext, _ last: HTTPServerResponsePart) {
        isClosing = true
        early.removeAll()
        enter(.writing)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolatedUnsafeUnchecked().whenComplete { _ in
            self.context?.close(mode: .output, promise: nil)
            if self.isReadingPaused { self.context?.read() }
        }
        context.writeAndFlush(wrapOutboundOut(last), promise: written)
    }

    /// Closes when the request in hand is answered, or else when the responses before have left.
    private func closeAfterAnswer() {
        isLast = true
        guard !isWorking, !isClosing, let context else { return }
        let unsent = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if unsent == 0 { context.close(promise: nil) } else { finish(context, .body(.byteBuffer(ByteBuffer()))) }
    }

    private func end() {
        requests.finish()
        timer?.cancel()
        (timer, context) = (nil, nil)
    }

    // MARK: Time

    private func enter(_ phase: ConnectionTimeouts.Phase) {
        guard phase != times.phase, let context else { return }
        times.enter(phase, at: context.eventLoop.now)
        // A timer that fires too early looks again; these end before one that may be set.
        if timer == nil || phase == .body || phase == .writing { look() }
    }

    private func look() {
        timer?.cancel()
        timer = nil
        guard let context else { return }
        switch times.verdict(at: context.eventLoop.now) {
        case .never: break
        case .expired(.body): refuse(.timeout)
        case .expired: context.close(promise: nil)
        case .wait(let deadline):
            timer = context.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(deadline: deadline) { [weak self] in
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
