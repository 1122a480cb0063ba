import HTTPTypes
import HummingbirdCore
import NIOCore

/// One client's connection as the task that serves it sees it: requests that have arrived whole, one after another.
struct Connection: ServerChildChannelValue {
    let channel: any Channel
    /// The next one comes once the one before is answered.
    let requests: AsyncStream<IncomingRequest>
    fileprivate let handler: NIOLoopBound<ConnectionHandler>

    init(_ channel: any Channel, _ handler: ConnectionHandler, _ requests: AsyncStream<IncomingRequest>) {
        (self.channel, self.requests) = (channel, requests)
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
    }

    /// Sends the answer to the request in hand.
    func answer(_ head: HTTPResponse, _ body: ByteBuffer) {
        if channel.eventLoop.inEventLoop {
            handler.value.answer(head, body)
        } else {
            channel.eventLoop.execute { [handler] in handler.value.answer(head, body) }
        }
    }
}

/// A request, from its first byte to its last.
struct IncomingRequest: Sendable {
    let head: HTTPRequest
    let body: ByteBuffer
}

/// Gathers an answer and sends it in one piece.
struct ResponseWriter: ResponseBodyWriter {
    let connection: Connection
    let head: HTTPResponse
    private var body = ByteBuffer()

    init(_ connection: Connection, _ head: HTTPResponse) { (self.connection, self.head) = (connection, head) }

    mutating func write(_ buffer: ByteBuffer) async throws {
        if body.readableBytes == 0 { body = buffer } else { body.writeImmutableBuffer(buffer) }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws { connection.answer(head, body) }
}
