import AMQP
import Contracts
import Foundation
import Logging
import Metrics
import Reactor

/// A subscription of this process to events, while it is connected: invalidations, revocations,
/// configuration.
///
/// The handlers run on the I/O thread, in arrival order, and must not block. Events of a time without a
/// connection are not delivered later. A process that caches by such events must empty the cache when the
/// subscription is lost, before it serves from the cache again.
package struct EventSubscription: Sendable {
    private(set) var handlers: [EventType: @Sendable (CloudEvent, [UInt8]) throws -> Void] = [:]
    private(set) var bindings: [AMQPBinding] = []
    private(set) var onStart: @Sendable () -> Void = {}
    private(set) var onLost: @Sendable () -> Void = {}

    package init() {}

    package mutating func on<E: Event>(_ type: E.Type, _ handler: @escaping @Sendable (E, EventContext) -> Void) {
        bindings.append(AMQPBinding(exchange: Exchange.name(for: type), routingKey: E.type.rawValue))
        handlers[E.type] = { cloudEvent, data in
            let event = try JSONDecoder().decode(E.self, from: Data(data))
            handler(event, EventContext(cloudEvent, attempt: 1, inbox: InboxQueue(queue: "")))
        }
    }

    /// Calls `body` when the subscription starts, at first and after every loss. All events from then on are
    /// delivered.
    package mutating func onStart(_ body: @escaping @Sendable () -> Void) { onStart = body }

    /// Calls `body` when events may be missed from now on.
    package mutating func onLost(_ body: @escaping @Sendable () -> Void) { onLost = body }
}

/// Receives the events of one subscription and calls its handlers.
actor EventSubscriber: BusComponent {
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private nonisolated let io: IOThread
    private let subscription: EventSubscription
    private let queue: AMQPQueue
    private let service: ServiceName
    private let logger: Logger
    private var channel: AMQPChannel?
    private let malformed = Counter(label: "martlet_broadcasts_malformed")

    init(
        _ subscription: EventSubscription, _ configuration: BusConfiguration, number: Int, on io: IOThread, logger: Logger
    ) {
        self.subscription = subscription
        self.io = io
        self.logger = logger
        service = configuration.service
        queue = Queues.subscription(number, of: configuration.instance, configuration.service)
    }

    func open(on connection: AMQPConnection) async {
        let subscription = subscription
        let consumer = AMQPConsumer(
            queue: queue,
            bindings: subscription.bindings, noAck: true,
            onStart: { _ in subscription.onStart() }, onLost: { _ in subscription.onLost() }
        ) { [weak self] delivery in self?.assumeIsolated { $0.received(delivery) } }
        channel = await connection.openChannel(
            AMQPChannelSetup(name: queue.name, confirmWindow: nil, consumers: [consumer]))
    }

    var isReady: Bool { channel?.isOpen == true }

    func opened() async throws(AMQPError) { try await channel?.opened() }

    private func received(_ delivery: AMQPDelivery) {
        do {
            let event = try CloudEvent(delivery)
            guard event.isAuthorized(sender: delivery.properties.userID, consumer: service) else {
                return ignoreForged(delivery)
            }
            try subscription.handlers[event.type]?(event, delivery.body)
        } catch {
            malformed.increment()
            logger.warning(
                "an event of a subscription could not be decoded",
                metadata: ["queue": "\(queue.name)", "type": "\(delivery.routingKey)", "error": "\(type(of: error))"])
            // To the subscription a missed event is the same as a lost connection that is back.
            subscription.onLost()
            subscription.onStart()
        }
    }

    /// Not a loss: the sender has no right to publish this type.
    private func ignoreForged(_ delivery: AMQPDelivery) {
        malformed.increment()
        logger.warning(
            "an event of a subscription came from an unauthorized sender",
            metadata: [
                "queue": "\(queue.name)", "type": "\(delivery.routingKey)", "sender": "\(delivery.properties.userID ?? "-")",
            ])
    }
}
