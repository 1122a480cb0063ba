import Contracts

/// The calls that wait for an answer, and what has become of each so far.
///
/// Pure: it is told what happened and says what to do. A call is tried once, and a repeatable one at most once more, under the same correlation id: the first
/// answer counts, whichever try it belongs to.
struct PendingCalls<Waiter> {
    /// The first try or the second.
    enum Try: UInt8, Hashable, Sendable { case first = 1, second = 2 }

    /// One try of one call, as sent.
    struct Attempt: Hashable, Sendable {
        let id: UInt64
        let number: Try
    }

    /// Why a try certainly did no work.
    enum Refusal: Hashable, Sendable {
        /// No queue: nobody serves it.
        case noServer
        /// The queue took no more.
        case full
        /// It has not left this process.
        case notSent(String)
    }

    /// What to do next about a call.
    enum Step {
        /// Go on waiting, or nothing waits.
        case none
        /// Send it (again) at the turn's end.
        case send
        /// Send it again as soon as there is a connection, if there is one soon.
        case sendWhenConnected
        case fail(Waiter, ServiceError)
    }

    private struct Entry {
        var waiter: Waiter
        let service: ServiceName
        let isRepeatable: Bool
        /// Kept for the second try.
        let call: WireCall
        /// Tries made so far.
        var tries: UInt8 = 0
        /// Tries that may still be answered, as bits.
        var live: UInt8 = 0
        /// Of some try nobody will ever know.
        var lost = false
        /// It is in line to be sent.
        var isQueued = true
        var waitsForConnection = false
        /// The broker gave a try back: nobody served it then.
        var wasReturned = false

        var mayRepeat: Bool { isRepeatable && tries < 2 }

        mutating func takeForSending() -> (call: WireCall, attempt: Attempt)? {
            guard isQueued, let number = Try(rawValue: tries + 1) else { return nil }
            tries += 1
            live |= number.rawValue
            isQueued = false
            return (call, Attempt(id: call.correlationID, number: number))
        }
    }

    private var entries: [UInt64: Entry] = [:]
    let limit: Int

    init(limit: Int) { self.limit = limit }

    var count: Int { entries.count }

    /// Takes a call in; it is to be sent at the turn's end. `false`: too many wait already.
    ///
    /// - Parameter isVital: it is taken in however many wait.
    mutating func add(
        _ call: WireCall, to service: ServiceName, isRepeatable: Bool, isVital: Bool = false, _ waiter: Waiter
    ) -> Bool {
        if entries.count >= limit, !isVital { return false }
        entries[call.correlationID] = Entry(waiter: waiter, service: service, isRepeatable: isRepeatable, call: call)
        return true
    }

    /// The call to put into a message now; `nil` when nobody waits for it any more.
    mutating func takeForSending(_ id: UInt64) -> (call: WireCall, attempt: Attempt)? {
        // In its place: once for every call, and an entry is large to copy.
        entries[id]?.takeForSending() ?? nil
    }

    /// A try did no work. A repeatable call is tried again at once, unless the first one has not even left.
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

    /// The connection went while a try was under way.
    mutating func lost(_ attempt: Attempt) -> Step {
        guard let entry = entries[attempt.id], entry.live & attempt.number.rawValue != 0 else { return .none }
        return lose(attempt.id, entry, attempt.number.rawValue)
    }

    /// No answer can come any more for anything sent so far. What to do, by call.
    mutating func lostAll() -> [(id: UInt64, step: Step)] {
        entries.filter { $0.value.live != 0 }.map { ($0.key, lose($0.key, $0.value, $0.value.live)) }
    }

    /// Half of a repeatable call's time has passed.
    mutating func halfTimePassed(_ id: UInt64) -> Step {
        guard var entry = entries[id], entry.mayRepeat, !entry.isQueued, !entry.waitsForConnection else { return .none }
        entry.isQueued = true
        entries[id] = entry
        return .send
    }

    /// There is a connection again: the calls that waited for it, to be sent at the turn's end.
    mutating func connected() -> [UInt64] {
        let ids = waitingForConnection
        for id in ids {
            entries[id]?.waitsForConnection = false
            entries[id]?.isQueued = true
        }
        return ids
    }

    /// There was no connection soon enough.
    mutating func connectionStayedAway() -> [Step] { waitingForConnection.map { fail($0, .lost) } }

    mutating func deadlinePassed(_ id: UInt64) -> Step { fail(id, .deadline) }
    mutating func cancelled(_ id: UInt64) -> Step { fail(id, .cancelled) }

    /// The waiter to be given an answer; `nil` when nobody waits, or another service than the one asked has sent it.
    mutating func answered(_ id: UInt64, by service: String?) -> Waiter? {
        guard let place = entries.index(forKey: id), entries.values[place].service.rawValue == service else { return nil }
        return entries.remove(at: place).value.waiter
    }

    /// Whether an answer to one try leaves open what another has done: one that is under way as well, or was lost. Which try is answered nobody knows.
    func isInDoubt(_ id: UInt64) -> Bool {
        guard let entry = entries[id], entry.tries > 1 else { return false }
        return entry.lost || entry.live == Try.first.rawValue | Try.second.rawValue
    }

    /// Everything that waits, as at the end.
    mutating func abandonAll() -> [Step] { entries.keys.map { fail($0, .stopped) } }

    /// Where a call goes, and how many bytes it adds to a message at most.
    func destination(of id: UInt64) -> (service: ServiceName, bytes: Int)? { entries[id].map { ($0.service, $0.call.byteCount) } }

    mutating func updateWaiter(_ id: UInt64, _ update: (inout Waiter) -> Void) {
        guard var entry = entries[id] else { return }
        update(&entry.waiter)
        entries[id] = entry
    }

    private var waitingForConnection: [UInt64] { entries.filter(\.value.waitsForConnection).map(\.key) }

    private mutating func lose(_ id: UInt64, _ entry: Entry, _ tries: UInt8) -> Step {
        var entry = entry
        entry.live &= ~tries
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
            case .refused(.noServer): ServiceError(.unavailable, "nobody serves \(name)", retryAfterMilliseconds: 1_000)
            case .refused(.full):
                ServiceError(.unavailable, "too many calls wait for \(entry.service)", retryAfterMilliseconds: 500)
            case .refused(.notSent(let why)): ServiceError(.unavailable, why, retryAfterMilliseconds: 1_000)
            case .lost:
                ServiceError(
                    .unknownOutcome, "the connection was lost before \(name) was answered", retryAfterMilliseconds: 1_000)
            case .deadline: ServiceError(.deadlineExceeded, "\(name) was not answered in time", mayHaveHappened: maybe)
            case .cancelled: ServiceError(.deadlineExceeded, "\(name) was given up by its caller", mayHaveHappened: maybe)
            case .stopped: ServiceError(.unknownOutcome, "stopping before \(name) was answered", mayHaveHappened: maybe)
            }
        // However it ended: whoever asks may want to know that there was nobody.
        if entry.wasReturned { error.cause = .noInstance }
        return .fail(entry.waiter, error)
    }
}
