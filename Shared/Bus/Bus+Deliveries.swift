import AMQP
import Contracts
import Reactor

extension Bus {
    /// Shows frames to whoever of the recipients is connected; returns once the broker has given them to all instances of `messaging` that have any. Nobody
    /// being connected is fine.
    ///
    /// - Parameter lifetime: after which nobody is shown it any more.
    /// - Throws: `unavailable` when not all of it was told, or nobody knows; told again, it may come twice. Cancelling changes nothing.
    package func deliver(_ delivery: Delivery, lifetime: Duration? = nil) async throws(ServiceError) {
        let error = await withCheckedContinuation { waiter in
            Task(executorPreference: io) { [deliveries] in
                await deliveries.send(delivery, lifetime: lifetime) { waiter.resume(returning: $0) }
            }
        }
        if let error { throw ServiceError(.unavailable, error.whyNotSent, retryAfterMilliseconds: 1_000) }
    }

    /// Likewise, without waiting and whatever becomes of it: for what is soon out of date.
    package func deliverOnce(_ delivery: Delivery, lifetime: Duration? = nil) {
        if io.isCurrent {
            deliveries.assumeIsolated { $0.send(delivery, lifetime: lifetime) { _ in } }
        } else {
            Task(executorPreference: io) { [deliveries] in await deliveries.send(delivery, lifetime: lifetime) { _ in } }
        }
    }

    /// Has large deliveries divided among the instances of `messaging` as `config` says that they are, so that none receives much that is for others.
    /// Before ``run()`` only.
    package func followRoutes() {
        let watch = RoutesWatch(deliveries, on: io, logger: logger) { [weak self] in
            guard let self else { throw ServiceError(.unavailable, "the bus has gone") }
            return try await call(GetRoutes())
        }
        var feed = Broadcast()
        feed.on(RoutesChanged.self) { _, _ in watch.note() }
        feed.onStart { watch.note() }
        listen(feed)
    }

    /// Has `feed` get what is delivered to the partitions that it binds. One, before ``run()`` only.
    package func listen(_ feed: DeliveryFeed) {
        register {
            precondition($0.deliveryFeed == nil && live != nil, "one feed of deliveries, of a service that has to do with them")
            $0.deliveryFeed = feed
        }
    }
}
