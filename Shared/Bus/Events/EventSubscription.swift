import AMQP
import Contracts
import Foundation

/// A feed of events for this process alone, from now on and while it is connected: invalidations, revocations, configuration.
///
/// The handlers run on the I/O thread, in the order of arrival, and must not block. Whoever keeps something in memory on the word of this feed drops it
/// when the feed is lost, and before it serves from it again: events of the time between are not delivered later.
package struct EventSubscription: Sendable {
    private(set) var handlers: [EventType: @Sendable (CloudEvent, [UInt8]) throws -> Void] = [:]
    private(set) var bindings: [AMQPBinding] = []
    private(set) var onStart: @Sendable () -> Void = {}
    private(set) var onLost: @Sendable () -> Void = {}

    package init() {}

    package mutating func on<E: Event>(_ type: E.Type, _ handler: @escaping @Sendable (E, EventContext) -> Void) {
        bindings.append(AMQPBinding(exchange: Exchange.telling(type), routingKey: E.type.rawValue))
        handlers[E.type] = { cloudEvent, data in
            let event = try JSONDecoder().decode(E.self, from: Data(data))
            handler(event, EventContext(cloudEvent, attempt: 1, inbox: InboxQueue(queue: "")))
        }
    }

    /// Whatever happens from now on is delivered. At first, and after every loss.
    package mutating func onStart(_ body: @escaping @Sendable () -> Void) { onStart = body }

    /// Something may be missed from now on.
    package mutating func onLost(_ body: @escaping @Sendable () -> Void) { onLost = body }
}
