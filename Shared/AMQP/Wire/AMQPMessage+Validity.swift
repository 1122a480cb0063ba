extension AMQPMessage {
    /// Why this cannot be put on the wire; `nil` when it can.
    func objection(maxBody: Int) -> String? {
        if body.count > maxBody { return "the body has \(body.count) bytes, more than \(maxBody)" }
        guard isShort(exchange), isShort(routingKey) else { return "exchange and routing key have at most 255 bytes" }
        guard properties.textsAreShort else { return "a property has at most 255 bytes" }
        guard properties.headers.isEmpty || properties.headers.namesAreShort else {
            return "the name of a header has at most 255 bytes"
        }
        if let expiration = properties.expiration, expiration < 0 { return "an expiration is not negative" }
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
