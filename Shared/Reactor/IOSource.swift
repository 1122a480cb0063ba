/// An owner of a descriptor that an ``IOThread`` polls: usually an actor whose executor is the thread.
///
/// The thread calls both methods; an actor implements them with `assumeIsolated`.
package protocol IOSource: AnyObject, Sendable {
    /// Called at the end of every turn. Flushes collected output and returns what to poll for; `nil` polls
    /// nothing.
    nonisolated func beforeWait() -> IOInterest?
    /// Called when the descriptor of the last ``beforeWait()`` is ready.
    nonisolated func ready(_ readiness: IOReadiness)
}

/// The descriptor and the events that a source polls for. Readability is always included.
package struct IOInterest: Sendable {
    package let descriptor: CInt
    /// Whether to poll for writability too.
    package let write: Bool

    package init(descriptor: CInt, write: Bool) {
        self.descriptor = descriptor
        self.write = write
    }
}

/// The events that a poll has found on a descriptor.
package struct IOReadiness: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let read = IOReadiness(rawValue: 1)
    package static let write = IOReadiness(rawValue: 2)
    /// Hung up or in error; the next read returns which.
    package static let failed = IOReadiness(rawValue: 4)
}
