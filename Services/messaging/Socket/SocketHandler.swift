import Contracts
import NIOCore
import NIOWebSocket
import Synchronization

/// One client's socket: messages in, frames out, and an end to whoever is silent, floods it or breaks the rules.
final class SocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// How long a client may take to answer our close.
    private static let farewell = TimeAmount.milliseconds(300)
    /// Bytes in the socket's buffer at which there is room for more.
    private static let nearlyEmpty = 32_768
    /// Frames that a client may send before it was answered.
    private static let earlyFrames = 16

    /// Until it was told who came: there may be very many of us.
    private var guest: HandshakeResult?
    private let sockets: LoopSockets
    private var assembly = FrameAssembly()
    private var conduct = Conduct()
    private var silence = KeepAlive()
    private var context: ChannelHandlerContext?
    /// Where frames go that are whole.
    private var outlet: ChannelHandlerContext?
    private var port: SocketHandle?
    private var bucket = 0
    private var isOpen = false
    private var early: [ByteBuffer] = []
    private var isClosing = false
    /// It has gone too far; whatever it says is of no interest any more.
    private var isDeaf = false
    private var needsFlush = false
    /// Bytes written since the last flush, and those that the socket had not taken then.
    private var written = 0
    private var inSocket = 0
    /// Of the frames written: what a ping carries, so that its pong tells what was received.
    private var lastN: Int64 = 0

    init(_ guest: HandshakeResult, sockets: LoopSockets) { (self.guest, self.sockets) = (guest, sockets) }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        outlet = (try? context.pipeline.syncOperations.context(handlerType: WebSocketFrameEncoder.self)) ?? context
        let port = SocketHandle(self, on: context.eventLoop, number: sockets.number)
        self.port = port
        bucket = sockets.add(self)
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        if let guest { sockets.tell(.arrived(guest), of: port) }
        guest = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isClosing {
            if unwrapInboundIn(data).opcode == .connectionClose { context.close(promise: nil) }
            return
        }
        if isDeaf { return }
        silence.heard()
        take(assembly.take(unwrapInboundIn(data)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // After a frame that cannot be read everything is an error: to close at once would take the reason from the client.
        if isClosing { return }
        switch error as? NIOWebSocketError {
        case .invalidFrameLength: close(.messageTooLarge)
        case .fragmentedControlFrame, .multiByteControlFrameLength: close(.protocolError)
        case nil: context.close(promise: nil)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { settle() }
        context.fireChannelWritabilityChanged()
    }

    // MARK: What the client says

    private func take(_ step: FrameAssembly.Step) {
        switch step {
        case .more: break
        case .text(let text): allowed { received(text) }
        case .ping(let data): allowed { answer(ping: data) }
        case .pong(let data): allowed { confirmed(by: data) }
        case .close(let code): close(code, isAnswer: true)
        case .violation(let code): close(code)
        }
    }

    private func allowed(_ body: () -> Void) {
        switch conduct.frame(at: .now, perSecond: sockets.framesPerSecond()) {
        case .fine: body()
        case .tooFast: if let port { sockets.tell(.badFrame(.tooFast), of: port) }
        case .enough: giveUp()
        }
    }

    private func giveUp() {
        isDeaf = true
        if let port { sockets.tell(.policyViolated, of: port) }
    }

    /// A client that does not take what is written gets no more of it: a later ping is as good (RFC 6455, 5.5.3).
    private func answer(ping data: ByteBuffer) {
        if context?.channel.isWritable == true { write(.pong, data) }
    }

    private func confirmed(by pong: ByteBuffer) {
        guard let n = pong.getInteger(at: pong.readerIndex, as: Int64.self), n <= lastN, let port else { return }
        sockets.tell(.confirmed(upTo: n), of: port)
    }

    private func received(_ text: ByteBuffer) {
        guard let port else { return }
        if !isOpen { return early.count < Self.earlyFrames ? early.append(text) : close(.policyViolation) }
        do throws(BadFrame) {
            sockets.tell(.frame(try ClientFrame(text.readableBytesView)), of: port)
        } catch {
            sockets.tell(.badFrame(error), of: port)
            if conduct.mistake(at: .now) == .enough { giveUp() }
        }
    }

    // MARK: What is said to the client

    /// - Returns: whether ``flush()`` must follow.
    func perform(_ command: SocketCommand) -> Bool {
        switch command {
        case .open: open()
        case .send(let bytes, let n):
            lastN = n
            return put(whole: bytes)
        case .close(let code): close(code)
        }
        return false
    }

    private func open() {
        guard !isOpen, let context else { return }
        isOpen = true
        try? context.channel.syncOptions?.setOption(.autoRead, value: true)
        let waiting = early
        early = []
        for text in waiting where !isDeaf { received(text) }
    }

    private func put(_ frame: WebSocketFrame) -> Bool {
        guard !isClosing, let context else { return false }
        context.write(wrapOutboundOut(frame), promise: nil)
        return note(written: frame.length)
    }

    /// A frame that needs no encoder any more.
    private func put(whole frame: ByteBuffer) -> Bool {
        guard !isClosing, let outlet else { return false }
        outlet.write(NIOAny(frame), promise: nil)
        return note(written: frame.readableBytes)
    }

    private func note(written bytes: Int) -> Bool {
        written += bytes
        defer { needsFlush = true }
        return !needsFlush
    }

    private func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer) {
        port?.outstanding.add(data.readableBytes, ordering: .relaxed)
        if put(WebSocketFrame(fin: true, opcode: opcode, data: data)) { flush() }
    }

    func flush() {
        needsFlush = false
        context?.flush()
        settle()
    }

    /// Notes what has left.
    private func settle() {
        guard let context, let port else { return }
        let buffered = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        let left = inSocket + written - buffered
        (inSocket, written) = (buffered, 0)
        port.outstanding.subtract(left, ordering: .relaxed)
        if buffered < Self.nearlyEmpty, port.isCongested.exchange(false, ordering: .relaxed) {
            sockets.tell(.drained, of: port)
        }
    }

    // MARK: The end

    /// Says why, and waits a moment for the client to answer: closing at once could take the reason from it.
    ///
    /// - Parameter isAnswer: the client has said so first, and waits for nothing but the answer.
    func close(_ code: WebSocketErrorCode, isAnswer: Bool = false) {
        guard !isClosing, let context else { return }
        isClosing = true
        let (channel, said) = (context.channel, context.eventLoop.makePromise(of: Void.self))
        context.writeAndFlush(wrapOutboundOut(.closing(code)), promise: said)
        if isAnswer { said.futureResult.whenComplete { _ in channel.close(promise: nil) } }
        if !isOpen { open() }
        context.eventLoop.scheduleTask(in: Self.farewell) { channel.close(promise: nil) }
    }

    /// Once a heartbeat.
    func beat() {
        if isClosing { return }
        switch silence.beat(isUnderWay: assembly.isUnderWay) {
        case .fine: break
        case .ask: write(.ping, ByteBuffer(integer: lastN))
        case .gone: close(.goingAway)
        }
    }

    private func end() {
        guard let port else { return }
        sockets.tell(.left, of: port)
        sockets.remove(self, from: bucket)
        (self.port, context, outlet) = (nil, nil, nil)
    }
}

extension BadFrame {
    fileprivate static let tooFast = BadFrame(
        ref: nil, code: "tooManyRequests", message: "There were too many frames at once; this one was not worked on.")
}
