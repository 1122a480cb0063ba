import CRabbitMQ
import Logging

/// Incoming frames of channels. Functions return a description of a protocol violation, or `nil`.
extension AMQPConnection {
    func channelFrame(_ frame: amqp_frame_t, _ link: Link) -> String? {
        guard frame.channel >= 1, Int(frame.channel) <= channels.count, let core = channels[Int(frame.channel) - 1] else {
            return "a frame on channel \(frame.channel), which is not open"
        }
        if core.phase == .closing { return closingFrame(frame, on: core, link) }
        switch frame.frame_type {
        case FrameKind.method: return channelMethod(frame.payload.method, on: core, link)
        case FrameKind.header: return header(frame, on: core, link)
        default:
            let part = frame.payload.body_fragment
            return apply(core.assembly.body(UnsafeRawBufferPointer(start: part.bytes, count: part.len)), on: core, link)
        }
    }

    /// Ignores all frames of a channel that is being closed, except the answer.
    private func closingFrame(_ frame: amqp_frame_t, on core: ChannelCore, _ link: Link) -> String? {
        guard frame.frame_type == FrameKind.method else { return nil }
        switch MethodID(rawValue: frame.payload.method.id) {
        case .channelCloseOk: finishClosing(core)
        case .channelClose: link.output.method(.channelCloseOk, channel: core.number)
        default: break
        }
        return nil
    }

    private func header(_ frame: amqp_frame_t, on core: ChannelCore, _ link: Link) -> String? {
        let header = frame.payload.properties
        guard header.class_id == 60, let decoded = header.decoded else { return "a content header of class \(header.class_id)" }
        var number: UInt64?
        let properties = AMQPProperties(decoded.assumingMemoryBound(to: amqp_basic_properties_t.self).pointee, number: &number)
        return apply(core.assembly.header(properties, number: number, bodySize: header.body_size), on: core, link)
    }

    private func channelMethod(_ method: amqp_method_t, on core: ChannelCore, _ link: Link) -> String? {
        guard let id = MethodID(rawValue: method.id), let decoded = method.decoded else {
            return "an unknown method \(method.id)"
        }
        switch id {
        case .basicDeliver:
            return deliver(decoded.assumingMemoryBound(to: amqp_basic_deliver_t.self).pointee, on: core, link)
        case .basicReturn:
            let back = decoded.assumingMemoryBound(to: amqp_basic_return_t.self).pointee
            let origin = ContentAssembly.Origin.returned(
                code: back.reply_code, text: String(back.reply_text), exchange: String(back.exchange),
                routingKey: String(back.routing_key))
            return apply(core.assembly.begin(origin), on: core, link)
        case .basicAck:
            let ack = decoded.assumingMemoryBound(to: amqp_basic_ack_t.self).pointee
            return settle(ack.delivery_tag, multiple: ack.multiple != 0, as: .confirmed, on: core)
        case .basicNack:
            let nack = decoded.assumingMemoryBound(to: amqp_basic_nack_t.self).pointee
            return settle(nack.delivery_tag, multiple: nack.multiple != 0, as: .rejected, on: core)
        case .basicCancel:
            consumerCancelled(decoded.assumingMemoryBound(to: amqp_basic_cancel_t.self).pointee, on: core, link)
        case .channelClose:
            let close = decoded.assumingMemoryBound(to: amqp_channel_close_t.self).pointee
            closedByBroker(core, with: .channelClosed(code: close.reply_code, text: String(close.reply_text)), link)
        default:
            guard let request = core.replies.answer(id) else { return "an unexpected reply \(id)" }
            handleReply(to: request, on: core)
        }
        return nil
    }

    // MARK: Messages

    private func deliver(_ method: amqp_basic_deliver_t, on core: ChannelCore, _ link: Link) -> String? {
        guard let index = Self.consumerIndex(method.consumer_tag), core.subscriptions.indices.contains(index) else {
            return "a delivery to an unknown consumer"
        }
        let origin = ContentAssembly.Origin.delivery(
            consumer: index, tag: method.delivery_tag, redelivered: method.redelivered != 0, exchange: String(method.exchange),
            routingKey: String(method.routing_key))
        return apply(core.assembly.begin(origin), on: core, link)
    }

    private func apply(_ step: ContentAssembly.Step, on core: ChannelCore, _ link: Link) -> String? {
        switch step {
        case .more: break
        case .violation(let text): return text
        case .complete(let message): complete(message, core)
        case .refused(let origin, let size): refuse(origin, size: size, on: core, link)
        }
        return nil
    }

    private func complete(_ message: ContentAssembly.Message, _ core: ChannelCore) {
        switch message.origin {
        case .delivery(let index, let tag, let redelivered, let exchange, let routingKey):
            if !core.subscriptions[index].consumer.noAck { core.acks.deliver(tag) }
            let onDelivery = core.subscriptions[index].consumer.onDelivery
            onDelivery(
                AMQPDelivery(
                    exchange: exchange, routingKey: routingKey, properties: message.properties, body: message.body,
                    tag: AMQPDeliveryTag(epoch: core.epoch, value: tag), redelivered: redelivered))
        case .returned(let code, let text, let exchange, let routingKey):
            let back = AMQPReturn(
                code: code, text: text, exchange: exchange, routingKey: routingKey, properties: message.properties)
            if let number = message.number, let waiter = core.window?.removeReturnedWaiter(number) {
                waiter(.returned(back))
            } else {
                core.setup.onReturn?(back)
            }
        }
    }

    /// Rejects an oversized message without requeueing; requeued, it would be delivered again and again.
    private func refuse(_ origin: ContentAssembly.Origin, size: UInt64, on core: ChannelCore, _ link: Link) {
        guard case .delivery(let index, let tag, _, _, _) = origin else { return }
        let consumer = core.subscriptions[index].consumer
        logger.error("oversized message rejected", metadata: ["bytes": "\(size)", "queue": "\(consumer.queue.name)"])
        if !consumer.noAck { link.output.reject(tag, requeue: false, channel: core.number) }
    }

    // MARK: Consumer tags: "c" and the index

    static func consumerTag(_ index: Int) -> String { "c\(index)" }

    static func consumerIndex(_ tag: amqp_bytes_t) -> Int? {
        let bytes = UnsafeRawBufferPointer(start: tag.bytes, count: tag.len)
        guard (2...9).contains(bytes.count), bytes[0] == UInt8(ascii: "c") else { return nil }
        var index = 0
        for byte in bytes.dropFirst() {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            index = index * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return index
    }
}
