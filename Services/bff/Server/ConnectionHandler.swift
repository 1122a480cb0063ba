import DequeModule
import Edge
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// The last handler of a connection's pipeline: hands complete requests to the task that serves the
/// connection and writes the responses, one at a time.
///
/// Backpressure in both directions bounds the memory of a connection. The handler reads little ahead of the
/// request in hand. While the client does not read its responses, it starts no request and does not read.
/// ``ConnectionTimeouts`` bounds every wait for the client. The handler itself responds to bytes that are not
/// HTTP and to requests that are too large, and closes the connection.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Input {
        case part(HTTPServerRequestPart)
        case rejected(RequestRejection)
        /// The client closed its half of the connection.
        case end
    }

    private let requests: AsyncStream<IncomingRequest>.Continuation
    private var assembly = RequestAssembly()
    /// What has arrived of the request that `assembly` counts.
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var timeouts = ConnectionTimeouts(now: .zero)
    private var timer: Scheduled<Void>?
    private var context: ChannelHandlerContext?
    /// Input that arrived before its turn: while a request is in hand, or while the client does not read.
    private var early: Deque<Input> = []
    /// Reading pauses when `early` has this many elements. The read under way may add those of one more
    /// buffer.
    private static let maximumEarly = 16
    private var isReadingPaused = false
    /// The application works on a request.
    private var isWorking = false
    /// The request in hand is a `HEAD`: its response has no body.
    private var isHead = false
    /// The next response is the last one.
    private var isLast = false
    /// The last response is written. The connection waits for the client to close its half.
    private var isClosing = false

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
        if assembly.isUnderWay, timeouts.phase == .idle { enter(.body) }
    }

    /// The channel calls this for more input after each read.
    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { isReadingPaused = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if !isWorking, !isClosing { resume() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
        receive(.rejected(error == .headerOverflow ? .headTooLarge : .malformed))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed: endInput(context)
        case is ChannelShouldQuiesceEvent: assembly.isUnderWay ? (isLast = true) : closeAfterResponse()
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    private func begin(_ context: ChannelHandlerContext) {
        timeouts = ConnectionTimeouts(now: context.uptime)
        evaluateTimeout()
    }

    private func end() {
        requests.finish()
        timer?.cancel()
        timer = nil
        context = nil
    }

    // MARK: Input and backpressure

    /// Whether the next input may be processed: no request is in hand, and the client reads its responses.
    private var isReady: Bool { !isWorking && context?.channel.isWritable == true }

    /// A closing connection reads on, to see when the client closes its half.
    private var mayRead: Bool {
        if isClosing { return true }
        return isWorking ? early.count < Self.maximumEarly : context?.channel.isWritable == true
    }

    private func receive(_ input: Input) {
        if isClosing { return }
        if isReady, early.isEmpty { process(input) } else { early.append(input) }
    }

    /// Processes the input that has arrived, as far as the client reads its responses.
    private func resume() {
        enter(phaseWithoutRequest)
        while isReady, let input = early.popFirst() { process(input) }
        if isReadingPaused, mayRead {
            isReadingPaused = false
            context?.read()
        }
    }

    private var phaseWithoutRequest: ConnectionTimeouts.Phase {
        if context?.channel.isWritable == false { return .writing }
        return assembly.isUnderWay ? .body : .idle
    }

    private func process(_ input: Input) {
        switch input {
        case .part(let part): process(part)
        case .rejected(let rejection): reject(rejection)
        case .end: closeAfterResponse()
        }
    }

    private func endInput(_ context: ChannelHandlerContext) {
        if isClosing { return context.close(promise: nil) }
        if isWorking, early.isEmpty { isLast = true } else { receive(.end) }
    }

    // MARK: Requests

    private func process(_ part: HTTPServerRequestPart) {
        switch step(part) {
        case .incomplete, .ignored: break
        case .sendContinue:
            context?.writeAndFlush(wrapOutboundOut(.head(.init(version: .http1_1, status: .continue))), promise: nil)
        case .tooLarge: reject(.bodyTooLarge)
        case .complete: handOver()
        }
    }

    private func step(_ part: HTTPServerRequestPart) -> RequestAssembly.Step {
        switch part {
        case .head(let head):
            self.head = head
            return assembly.receiveHead(contentLength: head.contentLength, expectsContinue: head.expectsContinue)
        case .body(let more):
            let step = assembly.receiveBody(byteCount: more.readableBytes)
            if step == .incomplete { append(more) }
            return step
        case .end: return assembly.receiveEnd()
        }
    }

    private func append(_ more: ByteBuffer) {
        if body.readableBytes == 0 { body = more } else { body.writeImmutableBuffer(more) }
    }

    private func handOver() {
        guard let head, head.namesOneHost, let request = try? HTTPRequest(head, secure: false, splitCookie: false) else {
            return reject(.malformed)
        }
        // After an upgrade that the server ignores, and after CONNECT, the parser reads no further requests.
        let leavesHTTP = head.method == .CONNECT || head.headers.contains(name: "upgrade")
        if !head.isKeepAlive || leavesHTTP { isLast = true }
        isWorking = true
        isHead = head.method == .HEAD
        enter(.working)
        let incoming = IncomingRequest(head: request, body: body)
        self.head = nil
        body = ByteBuffer()
        requests.yield(incoming)
    }

    // MARK: Responses

    /// Writes the response to the request in hand.
    func respond(_ head: HTTPResponse, body: ByteBuffer) {
        guard isWorking else { return }
        write(HTTPResponseHead(head), body: isHead ? ByteBuffer() : body)
        // Not before: while the handler writes, the channel may become unwritable and writable again.
        isWorking = false
        if !isClosing { resume() }
    }

    /// Responds to input that is not a request. The input behind it cannot be interpreted.
    private func reject(_ rejection: RequestRejection) {
        isLast = true
        early.removeAll()
        let (head, body) = rejection.response()
        write(head, body: body)
    }

    private func write(_ head: HTTPResponseHead, body: ByteBuffer) {
        guard let context else { return }
        var head = head
        if isLast { head.headers.replaceOrAdd(name: "connection", value: "close") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if body.readableBytes > 0 { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        if isLast {
            close(after: .end(nil), context)
        } else {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    // MARK: The end

    /// Closes the connection once the request in hand is answered and the client has read everything.
    private func closeAfterResponse() {
        isLast = true
        guard !isWorking, !isClosing, let context else { return }
        let unsentBytes = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if unsentBytes == 0 {
            context.close(promise: nil)
        } else {
            close(after: .body(.byteBuffer(ByteBuffer())), context)
        }
    }

    /// Writes the last part, then waits for the client to close its half.
    private func close(after last: HTTPServerResponsePart, _ context: ChannelHandlerContext) {
        isClosing = true
        early.removeAll()
        enter(.writing)
        let closed = context.writeAndCloseOutput(wrapOutboundOut(last))
        closed.assumeIsolatedUnsafeUnchecked().whenComplete { _ in
            if self.isReadingPaused { self.context?.read() }
        }
    }

    // MARK: Time

    private func enter(_ phase: ConnectionTimeouts.Phase) {
        guard phase != timeouts.phase, let context else { return }
        timeouts.enter(phase, at: context.uptime)
        // A timer that fires early evaluates again. Only these phases may end before a timer that is set.
        if timer == nil || phase == .body || phase == .writing { evaluateTimeout() }
    }

    private func evaluateTimeout() {
        timer?.cancel()
        timer = nil
        guard let context else { return }
        switch timeouts.verdict(at: context.uptime) {
        case .unlimited: break
        case .expired(.body): reject(.bodyTimeout)
        case .expired: context.close(promise: nil)
        case .wait(let until):
            let delay = TimeAmount(until - context.uptime)
            timer = context.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(in: delay) { [weak self] in
                self?.timer = nil
                self?.evaluateTimeout()
            }
        }
    }
}

extension ChannelHandlerContext {
    /// The time of the event loop, as ``ConnectionTimeouts`` counts it.
    fileprivate var uptime: Duration { .nanoseconds(Int64(clamping: eventLoop.now.uptimeNanoseconds)) }
}

extension HTTPRequestHead {
    fileprivate var contentLength: Int? { headers.first(name: "content-length").flatMap { Int($0) } }

    fileprivate var expectsContinue: Bool { headers.first(name: "expect")?.lowercased() == "100-continue" }

    /// RFC 9112, 3.2: a request without a Host field, or with several, is malformed.
    fileprivate var namesOneHost: Bool {
        let count = headers["host"].count
        return count == 1 || count == 0 && version != .http1_1
    }
}
