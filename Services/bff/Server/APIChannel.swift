import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// HTTP/1.1 on one connection: bounded heads, whole requests, one answer after another.
struct APIChannel: ServerChildChannel {
    static let headerFields = 100
    static let headerBytes = 16_384

    let responder: APIResponder
    let logger: Logger

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Connection> {
        channel.eventLoop.makeCompletedFuture {
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = 8_192
            limits.maxHeaderListSize = Self.headerBytes
            limits.maxHeaderFieldCount = Self.headerFields
            try Self.boundReads(of: channel)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
            let (requests, incoming) = AsyncStream.makeStream(of: IncomingRequest.self)
            let handler = ConnectionHandler(incoming)
            try pipeline.addHandler(handler)
            return Connection(channel, handler, requests)
        }
    }

    /// Bounds the input of one turn, which the handler keeps even when it may not work on it yet.
    private static func boundReads(of channel: any Channel) throws {
        let options = channel.syncOptions
        try options?.setOption(.maxMessagesPerRead, value: 1)
        try options?.setOption(
            .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 2_048, maximum: headerBytes))
    }

    func handle(value connection: Connection, logger: Logger) async {
        await withTaskExecutorPreference(LoopExecutor(connection.channel.eventLoop)) { await serve(connection) }
        // Cancelled, or the client has left: without a channel there is nothing to close.
        connection.channel.close(promise: nil)
    }

    private func serve(_ connection: Connection) async {
        for await incoming in connection.requests {
            let request = Request(head: incoming.head, body: RequestBody(buffer: incoming.body))
            let context = APIContext(source: ApplicationRequestContextSource(channel: connection.channel, logger: self.logger))
            let response = await responder.respond(to: request, context: context)
            try? await response.body.write(ResponseWriter(connection, response.head))
        }
    }
}
