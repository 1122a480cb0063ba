/// Assembles one message of a channel from a method, a header, and body frames up to the size in the header.
struct ContentAssembly {
    /// The method that introduced a message.
    enum Origin: Equatable {
        case delivery(consumer: Int, tag: UInt64, redelivered: Bool, exchange: String, routingKey: String)
        case returned(code: UInt16, text: String, exchange: String, routingKey: String)
    }

    struct Message: Equatable {
        let origin: Origin
        let properties: AMQPProperties
        /// The publisher's own number, in a returned message.
        let number: UInt64?
        let body: [UInt8]
    }

    enum Step: Equatable {
        case more
        case complete(Message)
        /// The message was complete but too large, and was skipped.
        case refused(Origin, size: UInt64)
        case violation(String)
    }

    private enum State {
        case idle
        case method(Origin)
        case body(Message, missing: UInt64)
        case skipping(Origin, size: UInt64, missing: UInt64)
    }

    let maxBody: Int
    private var state = State.idle
    private var bytes: [UInt8] = []

    /// Whether no message is in progress.
    var isIdle: Bool { if case .idle = state { true } else { false } }

    init(maxBody: Int) { self.maxBody = maxBody }

    /// Discards the message in progress, when the channel closes.
    mutating func reset() {
        state = .idle
        bytes = []
    }

    mutating func begin(_ origin: Origin) -> Step {
        guard case .idle = state else { return .violation("a message begins within another") }
        state = .method(origin)
        return .more
    }

    mutating func header(_ properties: AMQPProperties, number: UInt64?, bodySize: UInt64) -> Step {
        guard case .method(let origin) = state else { return .violation("a header without its method") }
        let message = Message(origin: origin, properties: properties, number: number, body: [])
        if bodySize == 0 {
            state = .idle
            return .complete(message)
        }
        // The body of a returned message is not needed.
        if case .returned = origin {
            state = .body(message, missing: bodySize)
        } else if bodySize > UInt64(maxBody) {
            state = .skipping(origin, size: bodySize, missing: bodySize)
        } else {
            state = .body(message, missing: bodySize)
            bytes.reserveCapacity(Int(bodySize))
        }
        return .more
    }

    mutating func body(_ part: UnsafeRawBufferPointer) -> Step {
        let count = UInt64(part.count)
        switch state {
        case .idle, .method: return .violation("a body without its header")
        case .body(let message, let missing):
            guard count <= missing else { return .violation("a body longer than its header says") }
            if case .delivery = message.origin { bytes.append(contentsOf: part) }
            return progress(message, missing: missing - count)
        case .skipping(let origin, let size, let missing):
            guard count <= missing else { return .violation("a body longer than its header says") }
            if missing > count {
                state = .skipping(origin, size: size, missing: missing - count)
                return .more
            }
            state = .idle
            return .refused(origin, size: size)
        }
    }

    private mutating func progress(_ message: Message, missing: UInt64) -> Step {
        if missing > 0 {
            state = .body(message, missing: missing)
            return .more
        }
        state = .idle
        defer { bytes = [] }
        return .complete(Message(origin: message.origin, properties: message.properties, number: message.number, body: bytes))
    }
}
