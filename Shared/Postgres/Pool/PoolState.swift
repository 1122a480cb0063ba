import DequeModule

/// Who gets which connection, who waits and who is refused. Knows nothing of sockets or time.
///
/// Callers are numbers, shared connections are slots, exclusive connections are numbers.
struct PoolState {
    struct Limits: Equatable, Sendable {
        var shared: Int
        var exclusive: Int
        var pipelineDepth: Int
        var queue: Int
    }

    enum Rejection: Equatable { case unavailable, overloaded, closed }
    enum SharedStep: Equatable { case use(slot: Int), wait, refuse(Rejection) }
    /// `waitAndOpen`: wait, and a further connection is to be opened.
    enum ExclusiveStep: Equatable { case use(Int), wait, waitAndOpen, refuse(Rejection) }

    let limits: Limits
    /// Flights on each shared connection; `nil` while it is away.
    private(set) var loads: [Int?]
    private(set) var sharedQueue: Deque<UInt64> = []
    private(set) var idle: [Int] = []
    private(set) var busy: Set<Int> = []
    private(set) var opening = 0
    /// Requests to stop that are on their way to the server.
    private(set) var stopping = 0
    private(set) var exclusiveQueue: Deque<UInt64> = []
    private(set) var isClosed = false

    init(limits: Limits) {
        self.limits = limits
        loads = Array(repeating: nil, count: limits.shared)
    }

    /// The server answers: at least one shared connection is up.
    var isAvailable: Bool { loads.contains { $0 != nil } }
    var isQuiet: Bool { busy.isEmpty && sharedQueue.isEmpty && exclusiveQueue.isEmpty && loads.allSatisfy { ($0 ?? 0) == 0 } }

    private var refusal: Rejection? { isClosed ? .closed : isAvailable ? nil : .unavailable }

    // MARK: Shared connections

    /// - Parameter isHeldUp: whether a slot that has batches is held up by the first of them; another one is better then, whatever it has to do.
    mutating func submit(_ caller: UInt64, isHeldUp: (Int) -> Bool = { _ in false }) -> SharedStep {
        if let refusal { return .refuse(refusal) }
        if let slot = leastLoaded(isHeldUp) {
            loads[slot, default: 0] += 1
            return .use(slot: slot)
        }
        guard sharedQueue.count < limits.queue else { return .refuse(.overloaded) }
        sharedQueue.append(caller)
        return .wait
    }

    /// A batch of `slot` ended; the caller whose turn it is on that slot.
    mutating func ended(slot: Int) -> UInt64? {
        guard let load = loads[slot] else { return nil }
        if load <= limits.pipelineDepth, let next = sharedQueue.popFirst() { return next }
        loads[slot] = load - 1
        return nil
    }

    /// A connection is up in `slot`; the callers whose turn it is on it.
    mutating func connected(slot: Int) -> [UInt64] {
        let callers = Array(sharedQueue.prefix(limits.pipelineDepth))
        sharedQueue.removeFirst(callers.count)
        loads[slot] = callers.count
        return callers
    }

    /// The connection in `slot` is gone with all its batches; the callers that need not wait any more, because the server is away.
    mutating func disconnected(slot: Int) -> [UInt64] {
        loads[slot] = nil
        return isAvailable ? [] : removeAllWaiting()
    }

    private func leastLoaded(_ isHeldUp: (Int) -> Bool) -> Int? {
        var best: (slot: Int, cost: Int)?
        for (slot, load) in loads.enumerated() {
            guard let load, load < limits.pipelineDepth else { continue }
            let cost = load > 0 && isHeldUp(slot) ? load + limits.pipelineDepth : load
            if cost < best?.cost ?? .max { best = (slot, cost) }
        }
        return best?.slot
    }

    // MARK: Exclusive connections

    mutating func acquire(_ caller: UInt64) -> ExclusiveStep {
        if let refusal { return .refuse(refusal) }
        if let connection = idle.popLast() {
            busy.insert(connection)
            return .use(connection)
        }
        guard exclusiveQueue.count < limits.queue else { return .refuse(.overloaded) }
        exclusiveQueue.append(caller)
        return openOneMore() ? .waitAndOpen : .wait
    }

    /// Whether one more is to be opened for those who wait.
    private mutating func openOneMore() -> Bool {
        guard !isClosed, opening < exclusiveQueue.count, idle.count + busy.count + opening < limits.exclusive else {
            return false
        }
        opening += 1
        return true
    }

    /// An exclusive connection has been opened; the caller that gets it.
    mutating func opened(_ connection: Int) -> UInt64? {
        opening -= 1
        return hand(connection)
    }

    /// Could not be opened; the callers that have nothing left to wait for.
    mutating func openFailed() -> [UInt64] {
        opening -= 1
        guard busy.isEmpty, opening == 0 else { return [] }
        defer { exclusiveQueue.removeAll() }
        return Array(exclusiveQueue)
    }

    /// A caller is done with a connection in good order; the caller that gets it next.
    mutating func released(_ connection: Int) -> UInt64? {
        busy.remove(connection)
        return hand(connection)
    }

    /// An exclusive connection is gone, whoever had it. Whether another is to be opened in its place.
    mutating func lost(_ connection: Int) -> Bool {
        busy.remove(connection)
        idle.removeAll { $0 == connection }
        return isAvailable && openOneMore()
    }

    /// An exclusive connection does no more work, because its caller left in the middle: its place is another's from now on. Whether one is to be opened
    /// in that place, and whether the server may be asked to stop, which takes as long as the server likes: so many at a time and no more.
    mutating func stopping(_ connection: Int) -> (opensAnother: Bool, mayAsk: Bool) {
        let mayAsk = stopping < 2 * limits.exclusive
        if mayAsk { stopping += 1 }
        return (lost(connection), mayAsk)
    }

    /// The server was asked.
    mutating func stopped() { stopping -= 1 }

    private mutating func hand(_ connection: Int) -> UInt64? {
        guard let next = exclusiveQueue.popFirst() else {
            idle.append(connection)
            return nil
        }
        busy.insert(connection)
        return next
    }

    // MARK: Both

    /// Waits no longer. Whether it did.
    mutating func abandon(_ caller: UInt64) -> Bool {
        if let index = sharedQueue.firstIndex(of: caller) {
            sharedQueue.remove(at: index)
        } else if let index = exclusiveQueue.firstIndex(of: caller) {
            exclusiveQueue.remove(at: index)
        } else {
            return false
        }
        return true
    }

    /// Takes no new callers.
    mutating func close() { isClosed = true }

    mutating func removeAllWaiting() -> [UInt64] {
        defer {
            sharedQueue.removeAll()
            exclusiveQueue.removeAll()
        }
        return Array(sharedQueue) + Array(exclusiveQueue)
    }
}

extension Array where Element == Int? {
    fileprivate subscript(index: Int, default value: Int) -> Int {
        get { self[index] ?? value }
        set { self[index] = newValue }
    }
}
