import AMQP
import Contracts
import Foundation

/// A durable queue of one service and purpose: every event on it is handled at least once, by one of the service's instances, or ends among the dead letters.
package struct WorkQueue: Sendable {
    typealias Handler = @Sendable (_ data: [UInt8], _ context: EventContext) async throws -> Void

    let purpose: String
    let inbox: Inbox
    private(set) var handlers: [String: Handler] = [:]
    /// Events being handled at once in this process.
    package var atOnce: UInt16 = 32

    /// - Parameter purpose: a word; the queue is `<service>.work.<purpose>`.
    package init(_ purpose: String, inbox: Inbox) {
        self.purpose = purpose
        self.inbox = inbox
    }

    /// Handles events of one type.
    ///
    /// - Parameter handler: may be called more than once for an event, and in any order; ``InboxQueue/once(_:)`` in its transaction makes the effect happen
    ///   once. When it throws, it is called again: five times in all, then the event becomes a dead letter with the reason. A `ServiceError` with code
    ///   `unavailable`, or a database that is away, is waited out and not counted.
    package mutating func on<E: Event>(_: E.Type, _ handler: @escaping @Sendable (E, EventContext) async throws -> Void) {
        handlers[E.type.rawValue] = { data, context in
            let event: E
            do { event = try JSONDecoder().decode(E.self, from: Data(data)) } catch {
                throw BadEvent(reason: "the data is no \(E.type): \(error)")
            }
            try await handler(event, context)
        }
    }
}

/// A feed of events to one process, for as long as it listens: what it misses it is told about, and must fetch.
package struct Broadcast: Sendable {
    typealias Handler = @Sendable (_ data: [UInt8], _ context: EventContext) throws -> Void

    private(set) var handlers: [String: Handler] = [:]
    private(set) var started: @Sendable () -> Void = {}
    private(set) var lost: @Sendable () -> Void = {}

    package init() {}

    /// - Parameter handler: on the I/O thread; must not block.
    package mutating func on<E: Event>(_: E.Type, _ handler: @escaping @Sendable (E, EventContext) -> Void) {
        handlers[E.type.rawValue] = { data, context in handler(try JSONDecoder().decode(E.self, from: Data(data)), context) }
    }

    /// - Parameter body: from now on nothing is missed until it is lost. On the I/O thread; again after every loss.
    package mutating func onStart(_ body: @escaping @Sendable () -> Void) { started = body }

    /// - Parameter body: from now on events are missed: drop what relied on them. On the I/O thread.
    package mutating func onLost(_ body: @escaping @Sendable () -> Void) { lost = body }
}
