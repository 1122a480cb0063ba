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

    /// Has large deliveries divided among the instances of `messaging` as `routes` say that they are, so that none receives much that is for others. A hint
    /// and no more: while nothing is known, or what was known is old, deliveries arrive all the same. Before ``run()`` only; `routes` must run.
    package func follow(_ routes: RouteTable) {
        routes.onRead { [deliveries] in deliveries.hint(RoutesHint($0)) }
        listen(routes.broadcast)
    }

    /// Has `feed` get what is delivered to the partitions that it binds. One, before ``run()`` only.
    package func listen(_ feed: DeliveryFeed) {
        register {
            precondition($0.deliveryFeed == nil && live != nil, "one feed of deliveries, of a service that has to do with them")
            $0.deliveryFeed = feed
        }
    }
}
