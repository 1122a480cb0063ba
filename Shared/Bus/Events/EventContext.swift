import Contracts

/// The attributes of an event that its handler may use besides the data.
package struct EventContext: Sendable {
    package let id: EventID
    package let type: String
    /// The service that published it, as `/martlet/<service>`.
    package let source: String
    package let subject: String?
    /// When it happened; absent for a foreign event without a time.
    package let time: Timestamp?
    /// The number of the attempt, from 1. On work queues it counts over restarts, once an attempt failed in
    /// this process. Always 1 for subscriptions.
    package let attempt: Int
    /// The inbox of the event's queue.
    package let inbox: InboxQueue

    init(_ event: CloudEvent, attempt: Int, inbox: InboxQueue) {
        id = event.id
        type = event.type.rawValue
        source = event.source
        subject = event.subject
        time = event.time
        self.attempt = attempt
        self.inbox = inbox
    }
}
