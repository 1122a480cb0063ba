import Contracts

/// The calls that wait for an answer, as a state machine without I/O: it receives events and returns steps.
///
/// A call has one attempt, a repeatable call at most two, under the same correlation id. The first answer
/// counts, whichever attempt it belongs to.
struct PendingCalls<Waiter> {
    /// The number of an attempt, as a bit.
    enum Number: UInt8, Hashable, Sendable { case first = 1, second = 2 }

    /// One attempt of one call.
    struct Attempt: Hashable, Sendable {
        let id: UInt64
        let number: Number
    }

    /// Why an attempt certainly had no effect.
    enum Refusal: Hashable, Sendable {
        /// There is no queue: no instance serves it.
        case noServer
        /// The queue is full.
        case full
        /// It did not leave this process.
        case notSent(String)
    }

    /// The next step for a call.
    enum Step {
        /// Keep waiting, or no call waits.
        case none
        /// Send it, or send it again, at the end of the turn.
        case send
        /// Send it again once there is a connection, if that is soon.
        case sendWhenConnected
        case fail(Waiter, ServiceError)
    }

    private struct Entry {
        var waiter: Waiter
        let service: ServiceName
        let isRepeatable: Bool
        /// Kept for the second attempt.
        let call: WireCall
        /// The number of attempts so far.
        var attempts: UInt8 = 0
        /// The attempts that may still be answered, as bits.
        var live: UInt8 = 0
        /// Whether the outcome of an attempt will stay unknown.
        var lost = false
        /// Whether it is queued for sending.
        var isQueued = true
        var waitsForConnection = false
        /// Whether the broker returned an attempt because no instance served it.
        var wasReturned = false

        var mayRepeat: Bool { isRepeatable && attempts < 2 }

        mutating func startAttempt() -> (call: WireCall, attempt: Attempt)? {
            guard isQueued, let number = Number(rawValue: attempts + 1) else { return nil }
            attempts += 1
            live |= number.rawValue
            isQueued = false
            return (call, Attempt(id: call.correlationID, number: number))
        }
    }

    private var entries: [UInt64: Entry] = [:]
    let limit: Int

    init(limit: Int) { self.limit = limit }

    var count: Int { entries.count }

    /// Adds a call, to be sent at the end of the turn.
    ///
    /// - Parameter isVital: whether it is accepted beyond the limit.
    /// - Returns: `false` when too many calls wait.
    mutating func add(
        _ call: WireCall, to service: ServiceName, isRepeatable: Bool, isVital: Bool = false, _ waiter: Waiter
    ) -> Bool {
        if entries.count >= limit, !isVital { return false }
        entries[call.correlationID] = Entry(waiter: waiter, service: service, isRepeatable: isRepeatable, call: call)
        return true
    }

    /// Starts an attempt and returns the call to put into a message; `nil` when it does not wait any more.
    mutating func startAttempt(_ id: UInt64) -> (call: WireCall, attempt: Attempt)? {
        // In place, since an entry is large and this runs for every call.
        entries[id]?.startAttempt() ?? nil
    }

    /// An attempt had no effect. A repeatable call starts a second one at once, unless the first did not
    /// leave the process.
    mutating func refused(_ attempt: Attempt, _ refusal: Refusal) -> Step {
        guard var entry = entries[attempt.id], entry.live & attempt.number.rawValue != 0 else { return .none }
        entry.live &= ~attempt.number.rawValue
        if refusal == .noServer { entry.wasReturned = true }
        if case .notSent = refusal {
        } else if entry.mayRepeat {
            entry.isQueued = true
            entries[attempt.id] = entry
            return .send
        }
        entries[attempt.id] = entry
        if entry.live != 0 || entry.isQueued { return .none }
        return fail(attempt.id, entry.lost ? .lost : .refused(refusal))
    }

    /// The connection was lost during an attempt.
    mutating func lost(_ attempt: Attempt) -> Step {
        guard let entry = entries[attempt.id], entry.live & attempt.number.rawValue != 0 else { return .none }
        return lose(attempt.id, entry, attempts: attempt.number.rawValue)
    }

    /// No attempt so far can be answered any more.
    ///
    /// - Returns: the next step per call.
    mutating func lostAll() -> [(id: UInt64, step: Step)] {
        entries.filter { $0.value.live != 0 }.map { ($0.key, lose($0.key, $0.value, attempts: $0.value.live)) }
    }

    /// Half of a repeatable call's time has passed.
    mutating func halfTimePassed(_ id: UInt64) -> Step {
        guard var entry = entries[id], entry.mayRepeat, !entry.isQueued, !entry.waitsForConnection else { return .none }
        entry.isQueued = true
        entries[id] = entry
        return .send
    }

    /// There is a connection again.
    ///
    /// - Returns: the calls that waited for it, to be sent at the end of the turn.
    mutating func connected() -> [UInt64] {
        let ids = waitingForConnection
        for id in ids {
            entries[id]?.waitsForConnection = false
            entries[id]?.isQueued = true
        }
        return ids
    }

    /// There was no connection in time.
    mutating func connectionStayedAway() -> [Step] { waitingForConnection.map { fail($0, .lost) } }

    mutating func deadlinePassed(_ id: UInt64) -> Step { fail(id, .deadline) }
    mutating func cancelled(_ id: UInt64) -> Step { fail(id, .cancelled) }

    /// Removes a call and returns its waiter, to receive the answer.
    ///
    /// - Returns: `nil` when the call does not wait any more, or when another service sent the answer.
    mutating func answered(_ id: UInt64, by service: String?) -> Waiter? {
        guard let place = entries.index(forKey: id), entries.values[place].service.rawValue == service else { return nil }
        return entries.remove(at: place).value.waiter
    }

    /// Whether an error in an answer leaves the effect of another attempt open, which is under way or was
    /// lost. An answer does not say which attempt it belongs to.
    func isInDoubt(_ id: UInt64) -> Bool {
        guard let entry = entries[id], entry.attempts > 1 else { return false }
        return entry.lost || entry.live == Number.first.rawValue | Number.second.rawValue
    }

    /// Fails all waiting calls, because the client stops.
    mutating func abandonAll() -> [Step] { entries.keys.map { fail($0, .stopped) } }

    /// The service that a call goes to, and an upper bound of its bytes in a message.
    func destination(of id: UInt64) -> (service: ServiceName, bytes: Int)? { entries[id].map { ($0.service, $0.call.byteCount) } }

    mutating func updateWaiter(_ id: UInt64, _ update: (inout Waiter) -> Void) {
        guard var entry = entries[id] else { return }
        update(&entry.waiter)
        entries[id] = entry
    }

    private var waitingForConnection: [UInt64] { entries.filter(\.value.waitsForConnection).map(\.key) }

    private mutating func lose(_ id: UInt64, _ entry: Entry, attempts: UInt8) -> Step {
        var entry = entry
        entry.live &= ~attempts
        entry.lost = true
        if entry.mayRepeat, !entry.isQueued { entry.waitsForConnection = true }
        entries[id] = entry
        if entry.waitsForConnection { return .sendWhenConnected }
        return entry.live != 0 || entry.isQueued ? .none : fail(id, .lost)
    }

    private enum Failure {
        case refused(Refusal), lost, deadline, cancelled, stopped
    }

    private mutating func fail(_ id: UInt64, _ failure: Failure) -> Step {
        guard let entry = entries.removeValue(forKey: id) else { return .none }
        let maybe = entry.live != 0 || entry.lost
        let name = entry.call.procedure
        var error =
            switch failure {
            case .refused(.noServer): ServiceError(.unavailable, "no instance serves \(name)", retryAfterMilliseconds: 1_000)
            case .refused(.full):
                ServiceError(.unavailable, "too many calls wait for \(entry.service)", retryAfterMilliseconds: 500)
            case .refused(.notSent(let why)): ServiceError(.unavailable, why, retryAfterMilliseconds: 1_000)
            case .lost:
                ServiceError(
                    .unknownOutcome, "the connection was lost before \(name) was answered", retryAfterMilliseconds: 1_000)
            case .deadline: ServiceError(.deadlineExceeded, "\(name) was not answered in time", mayHaveHappened: maybe)
            case .cancelled: ServiceError(.deadlineExceeded, "\(name) was cancelled by its caller", mayHaveHappened: maybe)
            case .stopped: ServiceError(.unknownOutcome, "the caller stopped before \(name) was answered", mayHaveHappened: maybe)
            }
        // The cause records that no instance served an attempt, whatever the final error is.
        if entry.wasReturned { error.cause = .nobodyServes }
        return .fail(entry.waiter, error)
    }
}
