import CRabbitMQ
import Foundation

/// A blocking connection with one channel, for one thread. It writes with ``OutputBuffer`` and reads with the
/// library.
final class BlockingSession {
    private let handle: ConnectionHandle
    private let timeout: Duration
    let maxBody: Int

    init(_ endpoint: AMQPEndpoint) throws(AMQPError) {
        var endpoint = endpoint
        // No heartbeats: a command may compute for longer than their interval.
        endpoint.heartbeat = .zero
        timeout = endpoint.connectTimeout
        maxBody = endpoint.maxBodyBytes
        handle = try Login(endpoint: endpoint).connect()
        try ask(.channelOpenOk) { $0.channelOpen(1) }
    }

    var frameMax: Int { handle.frameMax }

    func close() { amqp_connection_close(handle.state, 200) }

    func send(_ write: (inout OutputBuffer) -> Void) throws(AMQPError) {
        var output = OutputBuffer()
        write(&output)
        while true {
            switch output.flush(to: handle.descriptor) {
            case .drained: return
            case .failed(let errno): throw .unconfirmed(String(errno: errno))
            case .pending:
                var socket = pollfd(fd: handle.descriptor, events: Int16(POLLOUT), revents: 0)
                let (seconds, attoseconds) = timeout.components
                let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
                guard poll(&socket, 1, CInt(clamping: milliseconds)) > 0 else {
                    throw .unconfirmed("the broker does not read from the socket")
                }
            }
        }
    }

    func ask(_ expected: MethodID, _ write: (inout OutputBuffer) -> Void) throws(AMQPError) {
        try send(write)
        try answer(expected) { _ in }
    }

    func answer<Answer>(_ expected: MethodID, _ read: (UnsafeMutableRawPointer) -> Answer) throws(AMQPError) -> Answer {
        let (id, decoded) = try method()
        guard id == expected else { throw .notConnected("the broker answered with an unexpected method") }
        return read(decoded)
    }

    /// Reads the response to `basic.get`; `nil` when the queue is empty.
    func message() throws(AMQPError) -> ContentAssembly.Message? {
        let (id, decoded) = try method()
        if id == .basicGetEmpty { return nil }
        guard id == .basicGetOk else { throw .notConnected("the broker answered with an unexpected method") }
        let reply = decoded.assumingMemoryBound(to: amqp_basic_get_ok_t.self).pointee
        return try content(
            .delivery(
                consumer: 0, tag: reply.delivery_tag, redelivered: reply.redelivered != 0, exchange: String(reply.exchange),
                routingKey: String(reply.routing_key)))
    }

    /// Waits for the confirm of the one unconfirmed message.
    func confirmation() throws(AMQPError) {
        var returned: AMQPError?
        while true {
            let (id, decoded) = try method()
            switch id {
            case .basicReturn:
                let back = decoded.assumingMemoryBound(to: amqp_basic_return_t.self).pointee
                let text = String(back.reply_text)
                returned = .unroutable(code: back.reply_code, text: text)
                _ = try content(.returned(code: back.reply_code, text: text, exchange: "", routingKey: ""))
            case .basicAck:
                if let returned { throw returned }
                return
            case .basicNack: throw .rejected
            default: throw .notConnected("the broker answered with an unexpected method")
            }
        }
    }

    // MARK: Frames

    private func content(_ origin: ContentAssembly.Origin) throws(AMQPError) -> ContentAssembly.Message {
        var assembly = ContentAssembly(maxBody: maxBody)
        var step = assembly.begin(origin)
        while true {
            switch step {
            case .complete(let message): return message
            case .refused(_, let size): throw .invalid("a message of \(size) bytes is too large")
            case .violation(let text): throw .notConnected("the broker violated the protocol: \(text)")
            case .more: step = next(try frame(), &assembly)
            }
        }
    }

    private func next(_ frame: amqp_frame_t, _ assembly: inout ContentAssembly) -> ContentAssembly.Step {
        if frame.frame_type == FrameKind.body {
            let part = frame.payload.body_fragment
            return assembly.body(UnsafeRawBufferPointer(start: part.bytes, count: part.len))
        }
        let header = frame.payload.properties
        guard frame.frame_type == FrameKind.header, header.class_id == 60, let decoded = header.decoded else {
            return .violation("an incomplete message")
        }
        var number: UInt64?
        let properties = AMQPProperties(decoded.assumingMemoryBound(to: amqp_basic_properties_t.self).pointee, number: &number)
        return assembly.header(properties, number: number, bodySize: header.body_size)
    }

    /// Returns the next method on the channel. Its arguments are valid until the next frame.
    private func method() throws(AMQPError) -> (MethodID, UnsafeMutableRawPointer) {
        while true {
            let frame = try frame()
            guard frame.frame_type == FrameKind.method, let decoded = frame.payload.method.decoded else {
                throw .notConnected("the broker answered without a method")
            }
            switch MethodID(rawValue: frame.payload.method.id) {
            case .connectionBlocked, .connectionUnblocked: continue
            case .channelClose:
                let close = decoded.assumingMemoryBound(to: amqp_channel_close_t.self).pointee
                throw .refused(code: close.reply_code, text: String(close.reply_text))
            case .connectionClose:
                let close = decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
                throw .refused(code: close.reply_code, text: String(close.reply_text))
            case let id?: return (id, decoded)
            case nil: throw .notConnected("the broker answered with an unknown method")
            }
        }
    }

    private func frame() throws(AMQPError) -> amqp_frame_t {
        amqp_maybe_release_buffers(handle.state)
        var frame = amqp_frame_t()
        var limit = timeval(timeout)
        let status = amqp_simple_wait_frame_noblock(handle.state, &frame, &limit)
        guard status == AMQP_STATUS_OK.rawValue else { throw AMQPError(status: status, doing: "waiting for the broker's answer") }
        return frame
    }
}
