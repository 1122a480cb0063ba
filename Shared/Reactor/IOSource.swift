/// Something with a descriptor that an ``IOThread`` waits on: usually an actor that has the thread as its executor.
///
/// Both methods are called on the thread; an actor implements them with `assumeIsolated`.
package protocol IOSource: AnyObject, Sendable {
    /// Called at the end of every turn: write out what has been collected, then say what to wait for; `nil` is nothing.
    nonisolated func beforeWait() -> IOInterest?
    /// The descriptor named by the last ``beforeWait()`` has something to do.
    nonisolated func ready(_ readiness: IOReadiness)
}

/// What a source waits for. Reading is always of interest.
package struct IOInterest: Sendable {
    package let descriptor: CInt
    /// Wake also when the descriptor takes more output.
    package let write: Bool

    package init(descriptor: CInt, write: Bool) {
        self.descriptor = descriptor
        self.write = write
    }
}

/// What a descriptor is ready for.
package struct IOReadiness: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let read = IOReadiness(rawValue: 1)
    package static let write = IOReadiness(rawValue: 2)
    /// Hung up or in error; the next read tells which.
    package static let failed = IOReadiness(rawValue: 4)
}
