/// The methods to send, each one frame.
extension OutputBuffer {
    mutating func heartbeat() {
        put(FrameKind.heartbeat)
        put(UInt16(0))
        put(UInt32(0))
        put(FrameKind.end)
    }

    /// Appends a method with the arguments that `arguments` appends.
    mutating func method(_ id: MethodID, channel: UInt16, _ arguments: (inout OutputBuffer) -> Void = { _ in }) {
        put(FrameKind.method)
        put(channel)
        let size = position
        put(UInt32(0))
        put(id.rawValue)
        arguments(&self)
        patch(UInt32(position - size - 4), at: size)
        put(FrameKind.end)
    }

    mutating func channelOpen(_ channel: UInt16) { method(.channelOpen, channel: channel) { $0.put(UInt8(0)) } }

    /// Closes a channel, or the connection with channel 0.
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

    /// Sets the prefetch of consumers that start later on the channel.
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

    /// Acknowledges `tag`; with `multiple`, also all unacknowledged tags before it.
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

/// Administrative methods.
extension OutputBuffer {
    /// Appends a method whose only argument is a name: delete, purge, get.
    mutating func named(_ id: MethodID, _ name: String, channel: UInt16) {
        method(id, channel: channel) {
            $0.put(UInt16(0))
            $0.putShort(name)
            $0.put(UInt8(0))
        }
    }
}
