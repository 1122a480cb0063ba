/// The listeners of each topic, and the commands that their changes require.
struct SubscriptionRegistry {
    typealias Listener = @Sendable (RedisSubscriptionEvent) -> Void

    struct Delivery {
        let listener: Listener
        let event: RedisSubscriptionEvent
    }

    /// What the caller must do after a change.
    struct Change {
        var command: [RedisArgument]?
        var deliveries: [Delivery] = []
    }

    private struct Subscriber {
        let topic: RedisTopic
        let listener: Listener
    }

    private var subscribers: [RedisSubscription: Subscriber] = [:]
    private var subscriptions: [RedisTopic: [RedisSubscription]] = [:]
    /// Topics that Redis has confirmed on this connection and that still have listeners.
    private var confirmed: Set<RedisTopic> = []
    /// The number of confirmations due per topic. Only the last one reflects the present state.
    private var pending: [RedisTopic: Int] = [:]
    private var latest = 0

    /// Adds a listener. The first one of a topic requires a command.
    mutating func add(_ topic: RedisTopic, _ listener: @escaping Listener) -> (RedisSubscription, Change) {
        latest += 1
        let subscription = RedisSubscription(number: latest)
        subscribers[subscription] = Subscriber(topic: topic, listener: listener)
        subscriptions[topic, default: []].append(subscription)
        if subscriptions[topic]?.count == 1 {
            pending[topic, default: 0] += 1
            return (subscription, Change(command: Self.subscribe(topic)))
        }
        let isConfirmed = confirmed.contains(topic)
        return (subscription, Change(deliveries: isConfirmed ? [Delivery(listener: listener, event: .started)] : []))
    }

    /// - Returns: the command to send, if this was the last listener of its topic.
    mutating func remove(_ subscription: RedisSubscription) -> [RedisArgument]? {
        guard let topic = subscribers.removeValue(forKey: subscription)?.topic else { return nil }
        subscriptions[topic]?.removeAll { $0 == subscription }
        guard subscriptions[topic]?.isEmpty == true else { return nil }
        subscriptions[topic] = nil
        confirmed.remove(topic)
        return Self.unsubscribe(topic)
    }

    /// - Returns: the commands that subscribe a new connection to all topics.
    mutating func connected() -> [[RedisArgument]] {
        pending = subscriptions.mapValues { _ in 1 }
        return subscriptions.keys.map(Self.subscribe)
    }

    mutating func connectionLost() -> [Delivery] {
        defer {
            confirmed.removeAll()
            pending.removeAll()
        }
        return confirmed.flatMap { deliveries(of: .lost, to: $0) }
    }

    mutating func receive(_ reply: RedisReply) -> [Delivery] {
        guard case .array(let parts) = reply, parts.count >= 3, case .bytes(let kind) = parts[0], case .bytes(let name) = parts[1]
        else { return [] }
        switch (String(decoding: kind, as: UTF8.self), parts[2], parts.last) {
        case ("message", .bytes(let payload), _):
            return deliveries(of: .message(RedisMessage(channel: name, payload: payload)), to: .channel(name))
        case ("pmessage", .bytes(let channel), .bytes(let payload)):
            return deliveries(of: .message(RedisMessage(channel: channel, payload: payload)), to: .pattern(name))
        case ("subscribe", _, _): return confirm(.channel(name))
        case ("psubscribe", _, _): return confirm(.pattern(name))
        default: return []
        }
    }

    private mutating func confirm(_ topic: RedisTopic) -> [Delivery] {
        guard let due = pending[topic] else { return [] }
        pending[topic] = due > 1 ? due - 1 : nil
        guard due == 1, subscriptions[topic] != nil, confirmed.insert(topic).inserted else { return [] }
        return deliveries(of: .started, to: topic)
    }

    private func deliveries(of event: RedisSubscriptionEvent, to topic: RedisTopic) -> [Delivery] {
        (subscriptions[topic] ?? []).compactMap { subscribers[$0].map { Delivery(listener: $0.listener, event: event) } }
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
