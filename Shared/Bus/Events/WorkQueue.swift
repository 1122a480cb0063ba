import Contracts
import Foundation

/// A durable queue of events that this service works on, each at least once, shared by its instances: `<service>.work.<purpose>`.
///
///     var blocks = WorkQueue("blocks", inbox: Inbox(pool))
///     blocks.on(UserBlocked.self) { event, context in … }
///     bus.consume(blocks)
///
/// A handler that throws is asked again after a while; after five failures the event goes to the dead letters with the reason. Failures for want of a
/// dependency (`unavailable`) are not the event's fault: it waits, uncounted, until the dependency is back. Data that is not what the type says goes to the
/// dead letters at once.
package struct WorkQueue: Sendable {
    package static let failuresAllowed = 5

    let purpose: String
    let inbox: Inbox
    /// Events in hand at once, per instance.
    package var atOnce: UInt16
    /// What one attempt may take; it is cancelled then, and has failed.
    let timeout: Duration
    private(set) var handlers: [EventType: EventHandler] = [:]

    /// - Parameters:
    ///   - purpose: lower-case letters, digits and hyphens; part of the queue's name for ever.
    ///   - inbox: where failures are counted.
    package init(_ purpose: String, inbox: Inbox, atOnce: UInt16 = 16, timeout: Duration = .seconds(30)) {
        (self.purpose, self.inbox, self.atOnce, self.timeout) = (purpose, inbox, atOnce, timeout)
    }

    /// Binds the queue to events of this type. The handler runs on the I/O thread, in no order.
    package mutating func on<E: Event>(
        _ type: E.Type, _ handler: @escaping @Sendable (E, EventContext) async throws -> Void
    ) {
        handlers[E.type] = { data, context in
            let event: E
            do { event = try JSONDecoder().decode(E.self, from: Data(data)) } catch {
                throw CloudEvent.Malformed(reason: "the data cannot be read: \(ServiceError.unreadable(error).message)")
            }
            try await handler(event, context)
        }
    }
}

/// A handler whose type of event is forgotten: takes the data.
typealias EventHandler = @Sendable ([UInt8], EventContext) async throws -> Void
