extension OutputBuffer {
    /// Appends a message: a method, its properties, and its body in frames of at most `frameMax` bytes.
    ///
    /// - Parameter number: sent as the reserved property `cluster-id`, which the broker returns unchanged. It
    ///   identifies a returned message.
    /// - Returns: false, with nothing appended, when the properties do not fit into one frame.
    mutating func publish(_ message: AMQPMessage, number: UInt64?, channel: UInt16, frameMax: Int) -> Bool {
        let start = position
        method(.basicPublish, channel: channel) {
            $0.put(UInt16(0))
            $0.putShort(message.exchange)
            $0.putShort(message.routingKey)
            $0.put(UInt8(message.mandatory ? 1 : 0))
        }
        let header = position
        putHeader(message.properties, bodySize: message.body.count, number: number, channel: channel)
        if position - header > frameMax {
            rollBack(to: start)
            return false
        }
        putBody(message.body, channel: channel, frameMax: frameMax)
        return true
    }

    private mutating func putHeader(_ properties: AMQPProperties, bodySize: Int, number: UInt64?, channel: UInt16) {
        put(FrameKind.header)
        put(channel)
        let size = position
        put(UInt32(0))
        put(UInt16(60))
        put(UInt16(0))
        put(UInt64(bodySize))
        put(properties.flags | (number == nil ? 0 : PropertyFlag.clusterID))
        put(properties)
        if let number { putShort(String(number)) }
        patch(UInt32(position - size - 4), at: size)
        put(FrameKind.end)
    }

    private mutating func putBody(_ body: [UInt8], channel: UInt16, frameMax: Int) {
        let room = frameMax - FrameKind.overhead
        var start = 0
        while start < body.count {
            let end = min(start + room, body.count)
            put(FrameKind.body)
            put(channel)
            put(UInt32(end - start))
            put(contentsOf: body[start..<end])
            put(FrameKind.end)
            start = end
        }
    }

    /// Appends the properties in the order of the standard; the flags say which are present.
    private mutating func put(_ properties: AMQPProperties) {
        if let value = properties.contentType { putShort(value) }
        if let value = properties.contentEncoding { putShort(value) }
        if !properties.headers.isEmpty { put(properties.headers) }
        put(properties.deliveryMode.rawValue)
        if let value = properties.priority { put(value) }
        if let value = properties.correlationID { putShort(value) }
        if let value = properties.replyTo { putShort(value) }
        if let value = properties.expiration { putShort(String(value)) }
        if let value = properties.messageID { putShort(value) }
        if let value = properties.timestamp { put(value) }
        if let value = properties.type { putShort(value) }
        if let value = properties.userID { putShort(value) }
        if let value = properties.appID { putShort(value) }
    }
}

enum PropertyFlag {
    static let contentType: UInt16 = 1 << 15
    static let contentEncoding: UInt16 = 1 << 14
    static let headers: UInt16 = 1 << 13
    static let deliveryMode: UInt16 = 1 << 12
    static let priority: UInt16 = 1 << 11
    static let correlationID: UInt16 = 1 << 10
    static let replyTo: UInt16 = 1 << 9
    static let expiration: UInt16 = 1 << 8
    static let messageID: UInt16 = 1 << 7
    static let timestamp: UInt16 = 1 << 6
    static let type: UInt16 = 1 << 5
    static let userID: UInt16 = 1 << 4
    static let appID: UInt16 = 1 << 3
    static let clusterID: UInt16 = 1 << 2
}

extension AMQPProperties {
    fileprivate var flags: UInt16 {
        var flags = PropertyFlag.deliveryMode
        if contentType != nil { flags |= PropertyFlag.contentType }
        if contentEncoding != nil { flags |= PropertyFlag.contentEncoding }
        if !headers.isEmpty { flags |= PropertyFlag.headers }
        if priority != nil { flags |= PropertyFlag.priority }
        if correlationID != nil { flags |= PropertyFlag.correlationID }
        if replyTo != nil { flags |= PropertyFlag.replyTo }
        if expiration != nil { flags |= PropertyFlag.expiration }
        if messageID != nil { flags |= PropertyFlag.messageID }
        if timestamp != nil { flags |= PropertyFlag.timestamp }
        if type != nil { flags |= PropertyFlag.type }
        if userID != nil { flags |= PropertyFlag.userID }
        if appID != nil { flags |= PropertyFlag.appID }
        return flags
    }
}
