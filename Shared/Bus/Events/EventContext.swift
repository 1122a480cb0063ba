import Contracts

/// What a handler may know of an event besides its data.
package struct EventContext: Sendable {
    package let id: EventID
    package let type: String
    /// `/martlet/<service>`: who tells it.
    package let source: String
    package let subject: String?
    /// When it happened; absent for a foreign event that does not say.
    package let time: Timestamp?
    /// 1 at first. Counted over restarts on work queues, once it has failed here; always 1 on broadcasts.
    package let attempt: Int
    /// The notes of the queue that it came through.
    package let inbox: InboxQueue

    init(_ event: CloudEvent, attempt: Int, inbox: InboxQueue) {
        (id, type, source) = (event.id, event.type.rawValue, event.source)
        (subject, time) = (event.subject, event.time)
        (self.attempt, self.inbox) = (attempt, inbox)
    }
}
