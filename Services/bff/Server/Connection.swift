import HTTPTypes
import HummingbirdCore
import NIOCore

/// A client's connection, as the task that serves it sees it.
struct Connection: ServerChildChannelValue {
    let channel: any Channel
    /// Complete requests. The next one comes after the response to the one before.
    let requests: AsyncStream<IncomingRequest>
    private let handler: NIOLoopBound<ConnectionHandler>

    init(_ channel: any Channel, handler: ConnectionHandler, requests: AsyncStream<IncomingRequest>) {
        self.channel = channel
        self.requests = requests
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
    }

    /// Sends the response to the request in hand.
    func respond(_ head: HTTPResponse, body: ByteBuffer) {
        if channel.eventLoop.inEventLoop {
            handler.value.respond(head, body: body)
        } else {
            channel.eventLoop.execute { [handler] in handler.value.respond(head, body: body) }
        }
    }
}

/// A request whose head and body have arrived.
struct IncomingRequest: Sendable {
    let head: HTTPRequest
    let body: ByteBuffer
}

/// Collects the body of a response and sends the response in one piece.
struct ResponseWriter: ResponseBodyWriter {
    let connection: Connection
    let head: HTTPResponse
    private var body = ByteBuffer()

    init(_ connection: Connection, head: HTTPResponse) {
        self.connection = connection
        self.head = head
    }

    mutating func write(_ buffer: ByteBuffer) async throws {
        if body.readableBytes == 0 { body = buffer } else { body.writeImmutableBuffer(buffer) }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws { connection.respond(head, body: body) }
}
