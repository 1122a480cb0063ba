import NIOCore
import NIOHTTP1

/// Lets only answers to requests pass. What the server says to a head that could not be parsed has no request, and the compressor, which pairs
/// the two, would trap on it: the connection is closed instead.
final class AnswersOnly: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private var unanswered = 0
    private var isDiscarding = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head = unwrapInboundIn(data) { unanswered += 1 }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .head = unwrapOutboundIn(data) {
            isDiscarding = unanswered == 0
            unanswered -= isDiscarding ? 0 : 1
            if isDiscarding { context.close(promise: nil) }
        }
        if isDiscarding {
            promise?.succeed()
        } else {
            context.write(data, promise: promise)
        }
    }
}
