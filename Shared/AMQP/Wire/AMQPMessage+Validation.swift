extension AMQPMessage {
    /// Returns the reason why the message cannot be encoded; `nil` when it can.
    func violation(maxBody: Int) -> String? {
        if body.count > maxBody { return "the body has \(body.count) bytes; the maximum is \(maxBody)" }
        guard isShort(exchange), isShort(routingKey) else { return "exchange and routing key must not exceed 255 bytes" }
        guard properties.textsAreShort else { return "a property must not exceed 255 bytes" }
        guard properties.headers.isEmpty || properties.headers.namesAreShort else {
            return "the name of a header must not exceed 255 bytes"
        }
        if let expiration = properties.expiration, expiration < 0 { return "an expiration must not be negative" }
        return nil
    }
}

private func isShort(_ text: String?) -> Bool {
    guard let text else { return true }
    return text.utf8.count <= 255
}

extension AMQPProperties {
    fileprivate var textsAreShort: Bool {
        isShort(contentType) && isShort(contentEncoding) && isShort(correlationID) && isShort(replyTo) && isShort(messageID)
            && isShort(type) && isShort(userID) && isShort(appID)
    }
}

extension AMQPTable {
    fileprivate var namesAreShort: Bool { entries.allSatisfy { isShort($0.name) && $0.value.namesAreShort } }
}

extension AMQPValue {
    fileprivate var namesAreShort: Bool {
        switch self {
        case .table(let table): table.namesAreShort
        case .array(let values): values.allSatisfy(\.namesAreShort)
        default: true
        }
    }
}
