import Contracts
import NIOCore
import NIOWebSocket
import Synchronization

/// One client's socket: assembles its messages, sends frames to it, and closes it when it is silent, sends
/// too much or violates the protocol.
final class SocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// How long a client may take to answer a close frame of the server.
    private static let closeTimeout = TimeAmount.milliseconds(300)
    /// Bytes that may wait in the socket when it reports that it has drained.
    private static let drainedBytes = 32_768
    /// Messages that a client may send before its greeting.
    private static let maximumEarly = 16

    private enum State {
        /// Holds messages back until ``SocketCommand/open``.
        case greeting(early: [ByteBufferView])
        case open
        /// Ignores the client, which violated the rate limit, until it is closed.
        case ignoring
        case closing
    }

    /// Until it was reported.
    private var handshake: HandshakeResult?
    private let sockets: LoopSockets
    private var state = State.greeting(early: [])
    private var assembly = FrameAssembly<ByteBufferView>()
    private var rateLimit = ClientRateLimit()
    private var keepAlive = KeepAlive()
    private var context: ChannelHandlerContext?
    /// The context of the frame encoder. Frames that are encoded already are written behind it.
    private var encodedOutput: ChannelHandlerContext?
    private var handle: SocketHandle?
    private var bucket = 0
    private var needsFlush = false
    /// Bytes that were written since the last flush.
    private var writtenBytes = 0
    /// Bytes that waited in the channel after the last flush.
    private var bufferedBytes = 0
    /// The number of the last frame written. Pings carry it, so that a pong acknowledges what the client has
    /// received.
    private var lastN: Int64 = 0

    init(_ handshake: HandshakeResult, sockets: LoopSockets) {
        self.handshake = handshake
        self.sockets = sockets
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        encodedOutput = (try? context.pipeline.syncOperations.context(handlerType: WebSocketFrameEncoder.self)) ?? context
        let handle = SocketHandle(self, on: context.eventLoop, number: sockets.number)
        self.handle = handle
        bucket = sockets.add(self)
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        if let handshake { sockets.report(.admitted(handshake), of: handle) }
        handshake = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch state {
        case .closing: if frame.opcode == .connectionClose { context.close(promise: nil) }
        case .ignoring: break
        case .greeting, .open:
            keepAlive.recordFrame()
            process(assembly.receive(ReceivedFrame(frame)))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Everything after an invalid frame is an error. Closing at once could take the close code from the
        // client.
        if isClosing { return }
        switch error as? NIOWebSocketError {
        case .invalidFrameLength: close(.messageTooLarge)
        case .fragmentedControlFrame, .multiByteControlFrameLength: close(.protocolError)
        case nil: context.close(promise: nil)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { countSentBytes() }
        context.fireChannelWritabilityChanged()
    }

    private var isClosing: Bool { if case .closing = state { true } else { false } }

    // MARK: Inbound

    private func process(_ step: FrameAssembly<ByteBufferView>.Step) {
        switch step {
        case .incomplete: break
        case .text(let text): limitRate { receive(text) }
        case .ping(let data): limitRate { pong(data) }
        case .pong(let data): limitRate { acknowledge(by: data) }
        case .close(let code): close(WebSocketErrorCode(codeNumber: Int(code)), isAnswer: true)
        case .violation(let violation): close(WebSocketErrorCode(codeNumber: Int(violation.rawValue)))
        }
    }

    private func limitRate(_ body: () -> Void) {
        switch rateLimit.frame(at: .now, perSecond: sockets.framesPerSecond()) {
        case .allow: body()
        case .tooFast: report(.badFrame(.tooManyFrames))
        case .disconnect: ignoreClient()
        }
    }

    private func ignoreClient() {
        state = .ignoring
        report(.policyViolated)
    }

    /// A client that does not read gets no pong: one for a later ping is sufficient (RFC 6455, 5.5.3).
    private func pong(_ data: ByteBufferView) {
        if context?.channel.isWritable == true { write(.pong, ByteBuffer(data)) }
    }

    private func acknowledge(by pong: ByteBufferView) {
        var pong = ByteBuffer(pong)
        guard let n = pong.readInteger(as: Int64.self), (0...lastN).contains(n) else { return }
        report(.acknowledged(upTo: n))
    }

    private func receive(_ text: ByteBufferView) {
        if case .greeting(var early) = state {
            guard early.count < Self.maximumEarly else { return close(.policyViolation) }
            early.append(text)
            state = .greeting(early: early)
            return
        }
        do throws(BadFrame) {
            report(.frame(try ClientFrame(text)))
        } catch {
            report(.badFrame(error))
            if rateLimit.mistake(at: .now) == .disconnect { ignoreClient() }
        }
    }

    private func report(_ kind: SocketEvent.Kind) {
        if let handle { sockets.report(kind, of: handle) }
    }

    // MARK: Outbound

    /// - Returns: whether ``flush()`` must follow.
    func perform(_ command: SocketCommand) -> Bool {
        switch command {
        case .open: open()
        case .send(let bytes, let n):
            lastN = n
            return write(encoded: bytes)
        case .close(let code): close(code)
        }
        return false
    }

    private func open() {
        guard case .greeting(let early) = state else { return }
        state = .open
        resumeReading()
        for text in early {
            guard case .open = state else { return }
            receive(text)
        }
    }

    private func resumeReading() { try? context?.channel.syncOptions?.setOption(.autoRead, value: true) }

    private func write(_ frame: WebSocketFrame) -> Bool {
        guard !isClosing, let context else { return false }
        context.write(wrapOutboundOut(frame), promise: nil)
        return countWrite(frame.length)
    }

    private func write(encoded frame: ByteBuffer) -> Bool {
        guard !isClosing, let encodedOutput else { return false }
        encodedOutput.write(NIOAny(frame), promise: nil)
        return countWrite(frame.readableBytes)
    }

    private func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer) {
        handle?.outstanding.add(data.readableBytes, ordering: .relaxed)
        if write(WebSocketFrame(fin: true, opcode: opcode, data: data)) { flush() }
    }

    /// - Returns: whether this is the first write since the last flush.
    private func countWrite(_ bytes: Int) -> Bool {
        writtenBytes += bytes
        defer { needsFlush = true }
        return !needsFlush
    }

    func flush() {
        needsFlush = false
        context?.flush()
        countSentBytes()
    }

    private func countSentBytes() {
        guard let context, let handle else { return }
        let buffered = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        let sent = bufferedBytes + writtenBytes - buffered
        bufferedBytes = buffered
        writtenBytes = 0
        handle.outstanding.subtract(sent, ordering: .relaxed)
        if buffered < Self.drainedBytes, handle.isCongested.exchange(false, ordering: .relaxed) { report(.drained) }
    }

    // MARK: The end

    /// Sends a close frame. Closes the connection when the client answers or after ``closeTimeout``: closing
    /// at once could take the close code from the client.
    ///
    /// - Parameter isAnswer: whether the client has closed first. Then the connection closes once the answer
    ///   is sent.
    private func close(_ code: WebSocketErrorCode, isAnswer: Bool = false) {
        guard !isClosing, let context else { return }
        state = .closing
        resumeReading()
        let channel = context.channel
        let sent = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(.closing(code)), promise: sent)
        if isAnswer { sent.futureResult.whenComplete { _ in channel.close(promise: nil) } }
        context.eventLoop.scheduleTask(in: Self.closeTimeout) { channel.close(promise: nil) }
    }

    /// Call once per heartbeat.
    func beat() {
        if isClosing { return }
        switch keepAlive.beat(isUnderWay: assembly.isUnderWay) {
        case .ping: write(.ping, ByteBuffer(integer: lastN))
        case .close: close(.goingAway)
        }
    }

    private func end() {
        guard let handle else { return }
        sockets.report(.closed, of: handle)
        sockets.remove(self, from: bucket)
        self.handle = nil
        context = nil
        encodedOutput = nil
    }
}

extension BadFrame {
    fileprivate static let tooManyFrames = BadFrame(
        ref: nil, code: "tooManyRequests", message: "Too many frames at once. This frame was ignored; send more slowly.")
}
