/// Who listens to what, and what Redis must be told for that.
struct Subscriptions {
    typealias Listener = @Sendable (RedisFeed) -> Void

    /// Whom to tell what.
    struct Delivery {
        let listener: Listener
        let event: RedisFeed
    }

    /// What a change asks for.
    struct Step {
        var command: [RedisArgument]?
        var deliveries: [Delivery] = []
    }

    private struct Entry {
        let topic: RedisTopic
        let listener: Listener
    }

    private var entries: [RedisSubscription: Entry] = [:]
    private var numbers: [RedisTopic: [RedisSubscription]] = [:]
    /// Confirmed on this connection, and not given up since.
    private var confirmed: Set<RedisTopic> = []
    /// Confirmations that are due; only the last one of a topic says how it stands.
    private var pending: [RedisTopic: Int] = [:]
    private var latest = 0

    /// The first listener of a topic makes us tell Redis.
    mutating func add(_ topic: RedisTopic, _ listener: @escaping Listener) -> (RedisSubscription, Step) {
        latest += 1
        let subscription = RedisSubscription(number: latest)
        entries[subscription] = Entry(topic: topic, listener: listener)
        numbers[topic, default: []].append(subscription)
        if numbers[topic]?.count == 1 {
            pending[topic, default: 0] += 1
            return (subscription, Step(command: Self.subscribe(topic)))
        }
        let isConfirmed = confirmed.contains(topic)
        return (subscription, Step(deliveries: isConfirmed ? [Delivery(listener: listener, event: .started)] : []))
    }

    /// - Returns: what to tell Redis, if this was the last listener of its topic.
    mutating func remove(_ subscription: RedisSubscription) -> [RedisArgument]? {
        guard let topic = entries.removeValue(forKey: subscription)?.topic else { return nil }
        numbers[topic]?.removeAll { $0 == subscription }
        guard numbers[topic]?.isEmpty == true else { return nil }
        numbers[topic] = nil
        confirmed.remove(topic)
        return Self.unsubscribe(topic)
    }

    /// - Returns: what to tell a new connection.
    mutating func resume() -> [[RedisArgument]] {
        pending = numbers.mapValues { _ in 1 }
        return numbers.keys.map(Self.subscribe)
    }

    /// The connection is gone.
    mutating func suspend() -> [Delivery] {
        defer {
            confirmed.removeAll()
            pending.removeAll()
        }
        return confirmed.flatMap { tell($0, .lost) }
    }

    /// Something has come over the connection.
    mutating func receive(_ reply: RedisReply) -> [Delivery] {
        guard case .array(let parts) = reply, parts.count >= 3, case .bytes(let kind) = parts[0], case .bytes(let name) = parts[1]
        else { return [] }
        switch (String(decoding: kind, as: UTF8.self), parts[2], parts.last) {
        case ("message", .bytes(let payload), _):
            return tell(.channel(name), .message(RedisMessage(channel: name, payload: payload)))
        case ("pmessage", .bytes(let channel), .bytes(let payload)):
            return tell(.pattern(name), .message(RedisMessage(channel: channel, payload: payload)))
        case ("subscribe", _, _): return confirm(.channel(name))
        case ("psubscribe", _, _): return confirm(.pattern(name))
        default: return []
        }
    }

    private mutating func confirm(_ topic: RedisTopic) -> [Delivery] {
        guard let due = pending[topic] else { return [] }
        pending[topic] = due > 1 ? due - 1 : nil
        guard due == 1, numbers[topic] != nil, confirmed.insert(topic).inserted else { return [] }
        return tell(topic, .started)
    }

    private func tell(_ topic: RedisTopic, _ event: RedisFeed) -> [Delivery] {
        (numbers[topic] ?? []).compactMap { entries[$0].map { Delivery(listener: $0.listener, event: event) } }
    }

    private static func subscribe(_ topic: RedisTopic) -> [RedisArgument] {
        switch topic {
        case .channel(let name): ["SUBSCRIBE", .bytes(name)]
        case .pattern(let name): ["PSUBSCRIBE", .bytes(name)]
        }
    }

    private static func unsubscribe(_ topic: RedisTopic) -> [RedisArgument] {
        switch topic {
        case .channel(let name): ["UNSUBSCRIBE", .bytes(name)]
        case .pattern(let name): ["PUNSUBSCRIBE", .bytes(name)]
        }
    }
}
