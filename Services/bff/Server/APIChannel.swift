import Edge
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// HTTP/1.1 on one connection: bounded heads, complete requests, one response after another.
struct APIChannel: ServerChildChannel {
    /// Bytes of one read.
    private static let readBytes = 16_384

    let responder: APIResponder
    let logger: Logger

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Connection> {
        channel.eventLoop.makeCompletedFuture {
            try Self.boundReads(of: channel)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: RequestHeadLimits.decoder)
            let (requests, incoming) = AsyncStream.makeStream(of: IncomingRequest.self)
            let handler = ConnectionHandler(incoming)
            try pipeline.addHandler(handler)
            return Connection(channel, handler: handler, requests: requests)
        }
    }

    /// Bounds the input of one turn: ``ConnectionHandler`` keeps it even when it may not process it yet.
    private static func boundReads(of channel: any Channel) throws {
        let options = channel.syncOptions
        try options?.setOption(.maxMessagesPerRead, value: 1)
        try options?.setOption(
            .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 2_048, maximum: readBytes))
    }

    func handle(value connection: Connection, logger: Logger) async {
        await withTaskExecutorPreference(LoopExecutor(connection.channel.eventLoop)) { await serve(connection) }
        // The task was cancelled, or the client has left and the channel is closed already.
        connection.channel.close(promise: nil)
    }

    private func serve(_ connection: Connection) async {
        for await incoming in connection.requests {
            let request = Request(head: incoming.head, body: RequestBody(buffer: incoming.body))
            let context = APIContext(source: ApplicationRequestContextSource(channel: connection.channel, logger: self.logger))
            let response = await responder.respond(to: request, context: context)
            try? await response.body.write(ResponseWriter(connection, head: response.head))
        }
    }
}
