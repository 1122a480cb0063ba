import HTTPTypes
import NIOCore
import NIOHTTP1

/// Bounds of a request's head on every public port.
package enum RequestHeadLimits {
    package static let fieldCount = 100
    /// Bytes of all fields together.
    package static let totalBytes = 16_384
    /// Bytes of one field.
    private static let fieldBytes = 8_192

    package static var decoder: NIOHTTPDecoderLimitConfiguration {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = fieldBytes
        limits.maxHeaderListSize = totalBytes
        limits.maxHeaderFieldCount = fieldCount
        return limits
    }
}

extension HTTPField.Name {
    /// Names a request in its response, in logs and in problems. A client may choose the value.
    package static let requestID = HTTPField.Name("X-Request-ID").unsafelyUnwrapped
}

extension ChannelHandlerContext {
    /// Writes the last part of a response and, once it has been sent, closes the output half of the
    /// connection.
    ///
    /// The caller bounds the wait for the client to close its half. If the server closed both halves at once,
    /// a client that still sends could lose the response to a connection reset.
    ///
    /// - Returns: a future that completes when the output is closed, or the connection has failed.
    package func writeAndCloseOutput(_ last: NIOAny) -> EventLoopFuture<Void> {
        let channel = channel
        let written = eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in channel.close(mode: .output, promise: nil) }
        writeAndFlush(last, promise: written)
        return written.futureResult
    }
}
