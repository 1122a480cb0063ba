import CRabbitMQ

/// Owns one connection of the C library, including its socket, and destroys both.
///
/// `@unchecked Sendable`: one thread at a time may use the library's state. The thread that connects creates
/// this object and transfers it to its only later user, an actor on the I/O thread. The last reference may be
/// released on any thread.
final class ConnectionHandle: @unchecked Sendable {
    let state: amqp_connection_state_t

    init() throws(AMQPError) {
        guard let state = amqp_new_connection() else { throw .notConnected("out of memory") }
        self.state = state
    }

    deinit { amqp_destroy_connection(state) }

    var descriptor: CInt { amqp_get_sockfd(state) }
    /// The maximum frame size, including the frame's overhead.
    var frameMax: Int { Int(amqp_get_frame_max(state)) }
    var heartbeat: Duration { .seconds(Int(amqp_get_heartbeat(state))) }
}

extension AMQPError {
    /// The error in the reply of a library call; `nil` if it succeeded.
    init?(_ reply: amqp_rpc_reply_t, doing operation: String) {
        switch reply.reply_type {
        case AMQP_RESPONSE_NORMAL: return nil
        case AMQP_RESPONSE_SERVER_EXCEPTION: self.init(exception: reply.reply, doing: operation)
        case AMQP_RESPONSE_LIBRARY_EXCEPTION: self.init(status: reply.library_error, doing: operation)
        default: self = .notConnected("\(operation): the broker closed the connection")
        }
    }

    init(status: CInt, doing operation: String) {
        self = .notConnected("\(operation): \(String(cString: amqp_error_string2(status)))")
    }

    private init(exception method: amqp_method_t, doing operation: String) {
        switch (MethodID(rawValue: method.id), method.decoded) {
        case (.connectionClose, let decoded?):
            let close = decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
            self = .refused(code: close.reply_code, text: String(close.reply_text))
        case (.channelClose, let decoded?):
            let close = decoded.assumingMemoryBound(to: amqp_channel_close_t.self).pointee
            self = .refused(code: close.reply_code, text: String(close.reply_text))
        default: self = .notConnected("\(operation): the broker answered with an unexpected method")
        }
    }
}
