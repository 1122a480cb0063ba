import NIOCore
import NIOHTTP1

/// Answers whoever was not let in, and closes.
///
/// The request reaches it only when it asked for no upgrade: of one that did, the library shows nothing any more.
final class RejectionHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let refusal: UpgradeRejection?
    private var context: ChannelHandlerContext?

    /// - Parameter refusal: `nil` for a request that never came to the door.
    init(_ refusal: UpgradeRejection?) { self.refusal = refusal }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if let refusal { return answer(refusal) }
        // What was read already comes in this turn, if it comes.
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute { handler.value.answer(.notAnUpgrade.of(nil)) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else { return }
        answer((UpgradePath(head.uri) == nil ? UpgradeRejection.notFound : .notAnUpgrade).of(head), isHead: head.method == .HEAD)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Once.
    private func answer(_ refusal: UpgradeRejection, isHead: Bool = false) {
        guard let context else { return }
        self.context = nil
        context.write(wrapOutboundOut(.head(refusal.head)), promise: nil)
        if !isHead { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: refusal.body)))), promise: nil) }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            // The client ends its side, or a moment later we do: closing at once could take the answer from it.
            channel.close(mode: .output, promise: nil)
            channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
        }
    }
}
