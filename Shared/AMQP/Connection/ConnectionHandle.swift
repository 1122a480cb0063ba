import CRabbitMQ

/// Owns one connection of the C library, its socket included; both go with this object.
///
/// `@unchecked Sendable`: the library's state may be used by one thread at a time. The thread that connects makes this object and hands it over; from then
/// on only its new owner, an actor on the I/O thread, touches it, and whoever drops the last reference frees what nobody can reach any more.
final class ConnectionHandle: @unchecked Sendable {
    let state: amqp_connection_state_t

    init() throws(AMQPError) {
        guard let state = amqp_new_connection() else { throw .notConnected("out of memory") }
        self.state = state
    }

    deinit { amqp_destroy_connection(state) }

    var descriptor: CInt { amqp_get_sockfd(state) }
    /// With the overhead of a frame.
    var frameMax: Int { Int(amqp_get_frame_max(state)) }
    var heartbeat: Duration { .seconds(Int(amqp_get_heartbeat(state))) }
}

extension AMQPError {
    /// What a library call that talks to the broker answered; `nil` when all is well.
    init?(_ reply: amqp_rpc_reply_t, doing what: String) {
        switch reply.reply_type {
        case AMQP_RESPONSE_NORMAL: return nil
        case AMQP_RESPONSE_SERVER_EXCEPTION: self.init(exception: reply.reply, doing: what)
        case AMQP_RESPONSE_LIBRARY_EXCEPTION: self.init(status: reply.library_error, doing: what)
        default: self = .notConnected("\(what): the broker closed the connection")
        }
    }

    init(status: CInt, doing what: String) {
        self = .notConnected("\(what): \(String(cString: amqp_error_string2(status)))")
    }

    private init(exception method: amqp_method_t, doing what: String) {
        switch (MethodID(rawValue: method.id), method.decoded) {
        case (.connectionClose, let decoded?):
            let close = decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
            self = .refused(code: close.reply_code, text: String(close.reply_text))
        case (.channelClose, let decoded?):
            let close = decoded.assumingMemoryBound(to: amqp_channel_close_t.self).pointee
            self = .refused(code: close.reply_code, text: String(close.reply_text))
        default: self = .notConnected("\(what): the broker answered with an unexpected method")
        }
    }
}
