/// The methods we write, each one frame.
extension OutputBuffer {
    mutating func heartbeat() {
        put(FrameKind.heartbeat)
        put(UInt16(0))
        put(UInt32(0))
        put(FrameKind.end)
    }

    /// A method without arguments, or with those that `arguments` puts in.
    mutating func method(_ id: MethodID, channel: UInt16, _ arguments: (inout OutputBuffer) -> Void = { _ in }) {
        put(FrameKind.method)
        put(channel)
        let size = mark
        put(UInt32(0))
        put(id.rawValue)
        arguments(&self)
        patch(UInt32(mark - size - 4), at: size)
        put(FrameKind.end)
    }

    mutating func channelOpen(_ channel: UInt16) { method(.channelOpen, channel: channel) { $0.put(UInt8(0)) } }

    /// Closes a channel, or with channel 0 the connection.
    mutating func close(_ channel: UInt16, text: String) {
        method(channel == 0 ? .connectionClose : .channelClose, channel: channel) {
            $0.put(UInt16(200))
            $0.putShort(text)
            $0.put(UInt32(0))
        }
    }

    mutating func confirmSelect(_ channel: UInt16) { method(.confirmSelect, channel: channel) { $0.put(UInt8(0)) } }

    mutating func declare(_ exchange: AMQPExchange, channel: UInt16) {
        method(.exchangeDeclare, channel: channel) {
            $0.put(UInt16(0))
            $0.putShort(exchange.name)
            $0.putShort(exchange.kind.rawValue)
            $0.put(UInt8((exchange.durable ? 2 : 0) | (exchange.autoDelete ? 4 : 0)))
            $0.put(exchange.arguments)
        }
    }

    mutating func declare(_ queue: AMQPQueue, channel: UInt16) {
        method(.queueDeclare, channel: channel) {
            $0.put(UInt16(0))
            $0.putShort(queue.name)
            let kinds = (queue.passive ? 1 : 0) | (queue.durable ? 2 : 0) | (queue.exclusive ? 4 : 0) | (queue.autoDelete ? 8 : 0)
            $0.put(UInt8(kinds))
            $0.put(queue.arguments)
        }
    }

    mutating func bind(queue: String, to binding: AMQPBinding, channel: UInt16) {
        method(.queueBind, channel: channel) {
            $0.put(UInt16(0))
            $0.putShort(queue)
            $0.putShort(binding.exchange)
            $0.putShort(binding.routingKey)
            $0.put(UInt8(0))
            $0.put(binding.arguments)
        }
    }

    mutating func unbind(queue: String, from binding: AMQPBinding, channel: UInt16) {
        method(.queueUnbind, channel: channel) {
            $0.put(UInt16(0))
            $0.putShort(queue)
            $0.putShort(binding.exchange)
            $0.putShort(binding.routingKey)
            $0.put(binding.arguments)
        }
    }

    /// For the consumers that are started on the channel from here on.
    mutating func qos(prefetch: UInt16, channel: UInt16) {
        method(.basicQos, channel: channel) {
            $0.put(UInt32(0))
            $0.put(prefetch)
            $0.put(UInt8(0))
        }
    }

    mutating func consume(queue: String, tag: String, noAck: Bool, exclusive: Bool, channel: UInt16) {
        method(.basicConsume, channel: channel) {
            $0.put(UInt16(0))
            $0.putShort(queue)
            $0.putShort(tag)
            $0.put(UInt8((noAck ? 2 : 0) | (exclusive ? 4 : 0)))
            $0.put(AMQPTable())
        }
    }

    mutating func cancel(consumer tag: String, channel: UInt16) {
        method(.basicCancel, channel: channel) {
            $0.putShort(tag)
            $0.put(UInt8(0))
        }
    }

    /// With `multiple`, everything unacknowledged up to `tag`.
    mutating func ack(_ tag: UInt64, multiple: Bool, channel: UInt16) {
        method(.basicAck, channel: channel) {
            $0.put(tag)
            $0.put(UInt8(multiple ? 1 : 0))
        }
    }

    mutating func reject(_ tag: UInt64, requeue: Bool, channel: UInt16) {
        method(.basicReject, channel: channel) {
            $0.put(tag)
            $0.put(UInt8(requeue ? 1 : 0))
        }
    }
}

/// Those of administration.
extension OutputBuffer {
    /// A method that has a name and no further wish: delete, purge, get.
    mutating func named(_ id: MethodID, _ name: String, channel: UInt16) {
        method(id, channel: channel) {
            $0.put(UInt16(0))
            $0.putShort(name)
            $0.put(UInt8(0))
        }
    }
}
