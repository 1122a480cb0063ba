import Contracts
import Foundation

/// A durable queue of events that the instances of this service share: `<service>.work.<purpose>`. Each event
/// is handled at least once.
///
///     var blocks = WorkQueue("blocks", inbox: Inbox(pool))
///     blocks.on(BlockChanged.self) { event, context in … }
///     bus.consume(blocks)
///
/// When a handler throws, the event is retried after a wait. After five failures it becomes a dead letter
/// with the reason. Failures of a dependency (`unavailable`) do not count: the event waits until the
/// dependency is back. Data that does not match the type becomes a dead letter at once.
package struct WorkQueue: Sendable {
    package static let failuresAllowed = 5

    let purpose: String
    let inbox: Inbox
    /// The number of events in progress per instance.
    package var atOnce: UInt16
    /// The time limit of an attempt. An attempt that exceeds it is cancelled and counts as failed.
    let timeout: Duration
    private(set) var handlers: [EventType: EventHandler] = [:]

    /// - Parameters:
    ///   - purpose: lower-case letters, digits and hyphens. Part of the queue's name, so it cannot change.
    ///   - inbox: counts the failures.
    package init(_ purpose: String, inbox: Inbox, atOnce: UInt16 = 16, timeout: Duration = .seconds(30)) {
        self.purpose = purpose
        self.inbox = inbox
        self.atOnce = atOnce
        self.timeout = timeout
    }

    /// Binds the queue to a type of event. The handler runs on the I/O thread. Events are handled in no
    /// particular order.
    package mutating func on<E: Event>(
        _ type: E.Type, _ handler: @escaping @Sendable (E, EventContext) async throws -> Void
    ) {
        handlers[E.type] = { data, context in
            let event: E
            do { event = try JSONDecoder().decode(E.self, from: Data(data)) } catch {
                throw CloudEvent.Malformed(reason: "the data is malformed: \(ServiceError.unreadable(error).message)")
            }
            try await handler(event, context)
        }
    }
}

/// A type-erased handler, which decodes the data itself.
typealias EventHandler = @Sendable ([UInt8], EventContext) async throws -> Void
