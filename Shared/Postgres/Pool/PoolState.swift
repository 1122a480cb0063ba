import DequeModule

/// The rules of the pool: assigns connections, queues callers and rejects them. Independent of sockets and
/// time.
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
    enum SharedStep: Equatable { case use(slot: Int), wait, reject(Rejection) }
    /// `waitAndOpen`: the caller waits, and the pool opens a further connection.
    enum ExclusiveStep: Equatable { case use(Int), wait, waitAndOpen, reject(Rejection) }

    let limits: Limits
    /// The number of batches in flight on each shared connection; `nil` while it is down.
    private(set) var loads: [Int?]
    private(set) var sharedQueue: Deque<UInt64> = []
    private(set) var idle: [Int] = []
    private(set) var busy: Set<Int> = []
    private(set) var opening = 0
    /// The number of stop requests that the server has not accepted yet.
    private(set) var stopping = 0
    private(set) var exclusiveQueue: Deque<UInt64> = []
    private(set) var isClosed = false

    init(limits: Limits) {
        self.limits = limits
        loads = Array(repeating: nil, count: limits.shared)
    }

    /// Whether at least one shared connection is up.
    var isAvailable: Bool { loads.contains { $0 != nil } }
    var isQuiet: Bool { busy.isEmpty && sharedQueue.isEmpty && exclusiveQueue.isEmpty && loads.allSatisfy { ($0 ?? 0) == 0 } }

    private var rejection: Rejection? { isClosed ? .closed : isAvailable ? nil : .unavailable }

    // MARK: Shared connections

    /// Assigns a shared connection to a batch, or queues it.
    ///
    /// - Parameter isHeldUp: whether the first batch in flight holds up a slot. Another slot is preferred
    ///   then, whatever its load.
    mutating func submit(_ caller: UInt64, isHeldUp: (Int) -> Bool = { _ in false }) -> SharedStep {
        if let rejection { return .reject(rejection) }
        if let slot = leastLoaded(isHeldUp) {
            loads[slot, default: 0] += 1
            return .use(slot: slot)
        }
        guard sharedQueue.count < limits.queue else { return .reject(.overloaded) }
        sharedQueue.append(caller)
        return .wait
    }

    /// Records the end of a batch. Returns the queued caller that may use `slot` next.
    mutating func ended(slot: Int) -> UInt64? {
        guard let load = loads[slot] else { return nil }
        if load <= limits.pipelineDepth, let next = sharedQueue.popFirst() { return next }
        loads[slot] = load - 1
        return nil
    }

    /// Records that the connection in `slot` is up. Returns the queued callers that may use it.
    mutating func connected(slot: Int) -> [UInt64] {
        let callers = Array(sharedQueue.prefix(limits.pipelineDepth))
        sharedQueue.removeFirst(callers.count)
        loads[slot] = callers.count
        return callers
    }

    /// Records the loss of the connection in `slot` and its batches. Returns the callers to fail, because no
    /// connection is left.
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
        if let rejection { return .reject(rejection) }
        if let connection = idle.popLast() {
            busy.insert(connection)
            return .use(connection)
        }
        guard exclusiveQueue.count < limits.queue else { return .reject(.overloaded) }
        exclusiveQueue.append(caller)
        return reserveOpening() ? .waitAndOpen : .wait
    }

    /// Decides whether to open one more connection for the queue, and counts it.
    private mutating func reserveOpening() -> Bool {
        guard !isClosed, opening < exclusiveQueue.count, idle.count + busy.count + opening < limits.exclusive else {
            return false
        }
        opening += 1
        return true
    }

    /// Records a newly opened connection. Returns the caller that gets it.
    mutating func opened(_ connection: Int) -> UInt64? {
        opening -= 1
        return hand(connection)
    }

    /// Records a failed attempt to open a connection. Returns the callers to fail, because no connection can
    /// come free.
    mutating func openFailed() -> [UInt64] {
        opening -= 1
        guard busy.isEmpty, opening == 0 else { return [] }
        defer { exclusiveQueue.removeAll() }
        return Array(exclusiveQueue)
    }

    /// Records the return of a connection in good order. Returns the caller that gets it next.
    mutating func released(_ connection: Int) -> UInt64? {
        busy.remove(connection)
        return hand(connection)
    }

    /// Records the loss of an exclusive connection. Returns whether to open another one in its place.
    mutating func lost(_ connection: Int) -> Bool {
        busy.remove(connection)
        idle.removeAll { $0 == connection }
        return isAvailable && reserveOpening()
    }

    /// Records that an exclusive connection is being stopped because its caller left; its place is free at
    /// once.
    ///
    /// Returns whether to open another connection, and whether a stop request may be sent. Requests are
    /// bounded, because an unresponsive server accepts none.
    mutating func stopping(_ connection: Int) -> (opensAnother: Bool, maySendRequest: Bool) {
        let maySendRequest = stopping < 2 * limits.exclusive
        if maySendRequest { stopping += 1 }
        return (lost(connection), maySendRequest)
    }

    /// Records that the server has accepted a stop request.
    mutating func stopped() { stopping -= 1 }

    private mutating func hand(_ connection: Int) -> UInt64? {
        guard let next = exclusiveQueue.popFirst() else {
            idle.append(connection)
            return nil
        }
        busy.insert(connection)
        return next
    }

    // MARK: Both kinds

    /// Removes a caller from the queues. Returns whether it was queued.
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

    /// Rejects new callers from now on.
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
